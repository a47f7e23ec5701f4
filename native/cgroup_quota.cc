#include "native/cgroup_quota.h"

#include <algorithm>
#include <climits>
#include <cstddef>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "native/read_file.h"

namespace joblib::native {
namespace {

// Where a line of mountinfo or cgroup belongs: the hierarchy of version 2, or
// one of version 1 with its controllers.
struct Hierarchy {
  bool version_2 = false;
  std::vector<std::string> controllers = {};

  bool Has(std::string_view controller) const {
    return std::find(controllers.begin(), controllers.end(), controller) !=
           controllers.end();
  }
};

struct Mount {
  Hierarchy hierarchy = {};
  std::string cgroup = {};  // Which cgroup the folder shows: "/", mostly.
  std::string folder = {};
};

struct Membership {
  Hierarchy hierarchy = {};
  std::string cgroup = {};
};

bool IsOctal(char c) { return c >= '0' && c <= '7'; }

// mountinfo writes blank, tab, newline and backslash as \040, \011, \012, \134.
std::string Unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && IsOctal(text[i + 1]) &&
        IsOctal(text[i + 2]) && IsOctal(text[i + 3])) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 +
                                 (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// "42 31 0:38 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw"
std::vector<Mount> ReadMounts(const std::string& root) {
  std::vector<Mount> mounts;
  const auto text = ReadSmallFile(absl::StrCat(root, "/proc/self/mountinfo"));
  if (!text.has_value()) return mounts;
  for (std::string_view line : absl::StrSplit(*text, '\n')) {
    const std::vector<std::string_view> halves =
        absl::StrSplit(line, absl::MaxSplits(" - ", 1));
    if (halves.size() != 2) continue;
    const std::vector<std::string_view> where = absl::StrSplit(halves[0], ' ');
    const std::vector<std::string_view> what = absl::StrSplit(halves[1], ' ');
    if (where.size() < 5 || what.size() < 3) continue;
    Mount mount = {.cgroup = Unescape(where[3]), .folder = Unescape(where[4])};
    if (what[0] == "cgroup2") {
      mount.hierarchy.version_2 = true;
    } else if (what[0] == "cgroup") {
      mount.hierarchy.controllers = absl::StrSplit(what[2], ',');
    } else {
      continue;
    }
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

// "0::/user.slice" (version 2), "4:cpu,cpuacct:/docker/2f0a" (version 1)
std::vector<Membership> ReadMemberships(const std::string& root) {
  std::vector<Membership> memberships;
  const auto text = ReadSmallFile(absl::StrCat(root, "/proc/self/cgroup"));
  if (!text.has_value()) return memberships;
  for (std::string_view line : absl::StrSplit(*text, '\n')) {
    const std::vector<std::string_view> fields =
        absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (fields.size() != 3) continue;
    Membership membership = {.cgroup = std::string(fields[2])};
    if (fields[0] == "0" && fields[1].empty()) {
      membership.hierarchy.version_2 = true;
    } else {
      membership.hierarchy.controllers = absl::StrSplit(fields[1], ',');
    }
    memberships.push_back(std::move(membership));
  }
  return memberships;
}

// The part of `cgroup` below `mount.cgroup`, "" for that one itself; nullopt if
// the mount does not show it.
std::optional<std::string_view> Below(const Mount& mount,
                                      std::string_view cgroup) {
  std::string_view top = mount.cgroup;
  while (absl::ConsumeSuffix(&top, "/")) {
  }
  while (absl::ConsumeSuffix(&cgroup, "/")) {
  }
  if (cgroup == top) return "";
  if (!absl::ConsumePrefix(&cgroup, top) || !absl::StartsWith(cgroup, "/")) {
    // A mount made outside this cgroup namespace shows a cgroup above it.
    if (absl::StartsWith(top, "/..")) return "";
    return std::nullopt;
  }
  // Another namespace's cgroup, not below the mount at all.
  if (absl::StrContains(absl::StrCat(cgroup, "/"), "/../")) return std::nullopt;
  return cgroup;
}

// The folders of the process's own cgroup and of those above it, upwards, in
// each mount of the hierarchy: version 2, or the one of version 1 that has
// `controller`.
std::vector<std::string> FoldersUpwards(const std::string& root,
                                        const std::vector<Mount>& mounts,
                                        const std::vector<Membership>& members,
                                        bool version_2,
                                        std::string_view controller) {
  const auto wanted = [&](const Hierarchy& hierarchy) {
    return hierarchy.version_2 == version_2 &&
           (version_2 || hierarchy.Has(controller));
  };
  std::vector<std::string> folders;
  for (const Mount& mount : mounts) {
    if (!wanted(mount.hierarchy)) continue;
    for (const Membership& member : members) {
      if (!wanted(member.hierarchy)) continue;
      std::optional<std::string_view> below = Below(mount, member.cgroup);
      if (!below.has_value()) continue;
      while (!below->empty()) {
        folders.push_back(absl::StrCat(root, mount.folder, *below));
        below = below->substr(0, below->rfind('/'));
      }
      folders.push_back(absl::StrCat(root, mount.folder));
    }
  }
  return folders;
}

void Lower(std::optional<int>& least, std::optional<int> limit) {
  if (!limit.has_value()) return;
  least = least.has_value() ? std::min(*least, *limit) : *limit;
}

std::optional<std::vector<int>> FirstCpuList(
    const std::vector<std::string>& folders,
    const std::vector<std::string_view>& names) {
  for (const std::string& folder : folders) {
    for (std::string_view name : names) {
      const auto text = ReadSmallFile(absl::StrCat(folder, "/", name));
      if (!text.has_value()) continue;
      if (auto cpus = ParseCpuList(*text)) return cpus;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<int> ReadCgroupCpuLimit(const std::string& root) {
  const std::vector<Mount> mounts = ReadMounts(root);
  const std::vector<Membership> members = ReadMemberships(root);
  std::optional<int> least;
  for (const std::string& folder :
       FoldersUpwards(root, mounts, members, /*version_2=*/true, "cpu")) {
    const auto text = ReadSmallFile(absl::StrCat(folder, "/cpu.max"));
    if (text.has_value()) Lower(least, ParseCpuMax(*text));
  }
  for (const std::string& folder :
       FoldersUpwards(root, mounts, members, /*version_2=*/false, "cpu")) {
    const auto quota = ReadSmallFile(absl::StrCat(folder, "/cpu.cfs_quota_us"));
    if (!quota.has_value()) continue;
    const auto period =
        ReadSmallFile(absl::StrCat(folder, "/cpu.cfs_period_us"));
    if (period.has_value()) Lower(least, ParseCfs(*quota, *period));
  }
  return least;
}

std::optional<std::string> ReadCgroupThatDiesAsOne(const std::string& root) {
  for (const std::string& folder :
       FoldersUpwards(root, ReadMounts(root), ReadMemberships(root),
                      /*version_2=*/true, "memory")) {
    const auto text = ReadSmallFile(absl::StrCat(folder, "/memory.oom.group"));
    if (text.has_value() && absl::StripAsciiWhitespace(*text) == "1") {
      return folder;
    }
  }
  return std::nullopt;
}

std::optional<std::vector<int>> ReadCgroupCpus(const std::string& root) {
  const std::vector<Mount> mounts = ReadMounts(root);
  const std::vector<Membership> members = ReadMemberships(root);
  // A controller is in one version's hierarchy only.
  if (auto cpus = FirstCpuList(
          FoldersUpwards(root, mounts, members, /*version_2=*/true, "cpuset"),
          {"cpuset.cpus.effective"})) {
    return cpus;
  }
  return FirstCpuList(
      FoldersUpwards(root, mounts, members, /*version_2=*/false, "cpuset"),
      {"cpuset.effective_cpus", "cpuset.cpus"});
}

std::optional<int> ParseCpuMax(std::string_view text) {
  const std::vector<std::string_view> words =
      absl::StrSplit(text, absl::ByAnyChar(" \t\n"), absl::SkipEmpty());
  if (words.size() != 2) return std::nullopt;
  return ParseCfs(words[0], words[1]);  // "max" is no number: no limit.
}

std::optional<int> ParseCfs(std::string_view quota, std::string_view period) {
  std::int64_t quota_us = 0;
  std::int64_t period_us = 0;
  if (!absl::SimpleAtoi(quota, &quota_us) ||
      !absl::SimpleAtoi(period, &period_us) || quota_us <= 0 ||
      period_us <= 0) {
    return std::nullopt;
  }
  const std::int64_t cpus =
      quota_us / period_us + (quota_us % period_us != 0 ? 1 : 0);
  return static_cast<int>(std::min<std::int64_t>(cpus, INT_MAX));
}

std::optional<std::vector<int>> ParseCpuList(std::string_view text) {
  constexpr int kMaxNumber = 1 << 16;  // Of a CPU; above it is garbage.
  std::vector<int> cpus;
  for (std::string_view range :
       absl::StrSplit(absl::StripAsciiWhitespace(text), ',')) {
    const std::vector<std::string_view> ends = absl::StrSplit(range, '-');
    int first = 0;
    int last = 0;
    if (ends.size() > 2 || !absl::SimpleAtoi(ends.front(), &first) ||
        !absl::SimpleAtoi(ends.back(), &last) || first < 0 || last < first ||
        last >= kMaxNumber) {
      return std::nullopt;
    }
    for (int cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
  }
  std::sort(cpus.begin(), cpus.end());
  cpus.erase(std::unique(cpus.begin(), cpus.end()), cpus.end());
  return cpus;
}

}  // namespace joblib::native
