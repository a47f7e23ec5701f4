#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <pthread.h>
#include <sys/stat.h>

#include <array>
#include <climits>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "native/code_address.h"
#include "native/elf_module.h"

namespace joblib::native {
namespace {

// The loader's own lock is held while it tells of its modules, and stays held
// in a child that another thread forks meanwhile: no fork then.
pthread_mutex_t walking = PTHREAD_MUTEX_INITIALIZER;

// dl_iterate_phdr, but for that.
void Walk(int (*visit)(dl_phdr_info*, std::size_t, void*), void* data) {
  pthread_mutex_lock(&walking);
  dl_iterate_phdr(visit, data);
  pthread_mutex_unlock(&walking);
}

[[maybe_unused]] const int no_fork_while_walking =
    pthread_atfork([] { pthread_mutex_lock(&walking); },
                   [] { pthread_mutex_unlock(&walking); },
                   [] { pthread_mutex_unlock(&walking); });

constexpr std::uint64_t kFnvOffset = 14695981039346656037U;
constexpr std::uint64_t kFnvPrime = 1099511628211U;

std::uint64_t Fnv1a(std::string_view bytes, std::uint64_t hash = kFnvOffset) {
  for (const char c : bytes) {
    hash = (hash ^ static_cast<unsigned char>(c)) * kFnvPrime;
  }
  return hash;
}

std::uint64_t IdOf(std::string_view version) {
  const std::uint64_t hash = Fnv1a(version);
  return hash == 0 ? 1 : hash;
}

std::string_view SegmentBytes(const dl_phdr_info& info,
                              const ElfW(Phdr) & segment) {
  return {reinterpret_cast<const char*>(info.dlpi_addr + segment.p_vaddr),
          segment.p_memsz};
}

std::string_view BuildId(const dl_phdr_info& info) {
  return FindNote(info, "GNU", NT_GNU_BUILD_ID);
}

bool IsProgram(const dl_phdr_info& info) { return info.dlpi_name[0] == '\0'; }

// What stands for the build-id of a module that has none.
std::string FileAndText(const dl_phdr_info& info) {
  struct stat file = {};
  stat(IsProgram(info) ? "/proc/self/exe" : info.dlpi_name, &file);
  std::uint64_t text = kFnvOffset;
  for (int i = 0; i < info.dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info.dlpi_phdr[i];
    constexpr unsigned kReadAndRun = PF_R | PF_X;
    if (segment.p_type != PT_LOAD) continue;
    if ((segment.p_flags & (kReadAndRun | PF_W)) != kReadAndRun) continue;
    text = Fnv1a(SegmentBytes(info, segment), text);
  }
  return absl::StrCat("file-", file.st_dev, "-", file.st_ino, "-", file.st_size,
                      "-", file.st_mtim.tv_sec, ".", file.st_mtim.tv_nsec, "-",
                      absl::Hex(text));
}

std::string VersionOf(const dl_phdr_info& info) {
  const std::string_view id = BuildId(info);
  if (id.empty()) return FileAndText(info);
  return absl::BytesToHexString({id.data(), id.size()});
}

std::uint64_t IdOf(const dl_phdr_info& info) {
  const std::string_view id = BuildId(info);
  return id.empty() ? IdOf(FileAndText(info)) : IdOf(id);
}

// What of a module is meant.
enum class Kind { kCode, kConstant };

// Constants lie beside the code, or where the loader wrote addresses into them.
bool Holds(const ElfW(Phdr) & segment, Kind kind) {
  return segment.p_type == PT_LOAD &&
         (segment.p_flags & (kind == Kind::kCode ? PF_X : PF_R)) != 0;
}

// A segment that is loaded.
struct Segment {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  std::uintptr_t base = 0;  // The module's load address.
  std::uint64_t module = 0;
  unsigned long long unloads = 0;  // How many dlclose there were before.
  bool stays = false;              // The program's own.
};

// How many modules were unloaded so far.
unsigned long long Unloads() {
  unsigned long long unloads = 0;
  Walk(
      [](dl_phdr_info* info, std::size_t, void* result) {
        *static_cast<unsigned long long*>(result) = info->dlpi_subs;
        return 1;
      },
      &unloads);
  return unloads;
}

// The last few answers on this thread. An answer about a library holds until
// some library is unloaded: another one may lie there now.
class Memory {
 public:
  template <typename Matches>
  const Segment* Find(Matches matches) const {
    for (const Segment& known : segments_) {
      if (known.module != 0 && matches(known)) {
        return known.stays || known.unloads == Unloads() ? &known : nullptr;
      }
    }
    return nullptr;
  }
  void Add(const Segment& segment) {
    segments_[next_] = segment;
    next_ = (next_ + 1) % segments_.size();
  }

 private:
  std::array<Segment, 4> segments_;
  unsigned next_ = 0;
};

// Calls visit(info) for each loaded module until it returns true.
template <typename Visit>
void ForEachModule(Visit visit) {
  Walk([](dl_phdr_info* info, std::size_t,
          void* data) -> int { return (*static_cast<Visit*>(data))(*info); },
       &visit);
}

std::optional<Segment> SegmentAt(std::uintptr_t address, Kind kind) {
  std::optional<Segment> found;
  ForEachModule([&](const dl_phdr_info& info) {
    for (int i = 0; i < info.dlpi_phnum; ++i) {
      const ElfW(Phdr)& segment = info.dlpi_phdr[i];
      if (!Holds(segment, kind)) continue;
      const std::uintptr_t begin = info.dlpi_addr + segment.p_vaddr;
      if (address < begin || address - begin >= segment.p_memsz) continue;
      found = Segment{.begin = begin,
                      .end = begin + segment.p_memsz,
                      .base = info.dlpi_addr,
                      .module = IdOf(info),
                      .unloads = info.dlpi_subs,
                      .stays = IsProgram(info)};
      return true;
    }
    return false;
  });
  return found;
}

// Calls visit(info) for the module `id`, false if there is none. Those without
// a build-id come last: their text has to be read.
template <typename Visit>
bool VisitModule(std::uint64_t id, Visit visit) {
  bool found = false;
  for (const bool has_build_id : {true, false}) {
    ForEachModule([&](const dl_phdr_info& info) {
      if (BuildId(info).empty() == has_build_id || IdOf(info) != id) {
        return false;
      }
      visit(info);
      found = true;
      return true;
    });
    if (found) break;
  }
  return found;
}

std::string PathOf(const dl_phdr_info& info) {
  if (IsProgram(info)) return "";
  char path[PATH_MAX];
  return realpath(info.dlpi_name, path) == nullptr ? info.dlpi_name : path;
}

absl::StatusOr<CodeAddress> Locate(const void* address, Kind kind,
                                   Memory& memory) {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  const Segment* known = memory.Find([at](const Segment& segment) {
    return at >= segment.begin && at < segment.end;
  });
  std::optional<Segment> found;
  if (known == nullptr) {
    found = SegmentAt(at, kind);
    if (!found.has_value()) {
      return absl::NotFoundError(absl::StrCat(
          "0x", absl::Hex(at), kind == Kind::kCode ? " is code" : " is data",
          " of no loaded module: another process cannot find it"));
    }
    memory.Add(*found);
    known = &*found;
  }
  return CodeAddress{.module = known->module, .offset = at - known->base};
}

absl::StatusOr<const void*> Resolve(CodeAddress address, std::size_t bytes,
                                    Kind kind, Memory& memory) {
  const auto holds = [&](const Segment& segment, std::uintptr_t at) {
    return segment.module == address.module && at >= segment.begin &&
           at < segment.end && bytes <= segment.end - at;
  };
  const Segment* known = memory.Find([&](const Segment& segment) {
    return holds(segment, segment.base + address.offset);
  });
  if (known != nullptr) {
    return reinterpret_cast<const void*>(known->base + address.offset);
  }
  std::uintptr_t at = 0;
  const bool loaded = VisitModule(
      address.module,
      [&](const dl_phdr_info& info) { at = info.dlpi_addr + address.offset; });
  if (!loaded) {
    return absl::NotFoundError(absl::StrCat("no loaded module has the id ",
                                            absl::Hex(address.module)));
  }
  const std::optional<Segment> found = SegmentAt(at, kind);
  if (!found.has_value() || !holds(*found, at)) {
    return absl::OutOfRangeError(
        absl::StrCat("offset ", address.offset, " is no ",
                     kind == Kind::kCode ? "code" : "data", " of its module"));
  }
  memory.Add(*found);
  return reinterpret_cast<const void*>(at);
}

}  // namespace

absl::StatusOr<CodeAddress> LocateCode(const void* address) {
  thread_local Memory memory;
  return Locate(address, Kind::kCode, memory);
}

absl::StatusOr<const void*> ResolveCode(CodeAddress address) {
  thread_local Memory memory;
  return Resolve(address, 1, Kind::kCode, memory);
}

absl::StatusOr<CodeAddress> LocateConstant(const void* constant) {
  thread_local Memory memory;
  return Locate(constant, Kind::kConstant, memory);
}

absl::StatusOr<const void*> ResolveConstant(CodeAddress address,
                                            std::size_t bytes) {
  thread_local Memory memory;
  return Resolve(address, bytes, Kind::kConstant, memory);
}

absl::StatusOr<Module> FindModule(std::uint64_t id) {
  Module module;
  const bool found = VisitModule(id, [&](const dl_phdr_info& info) {
    module = {.id = id, .path = PathOf(info), .version = VersionOf(info)};
  });
  if (found) return module;
  return absl::NotFoundError(
      absl::StrCat("no loaded module has the id ", absl::Hex(id)));
}

absl::Status OpenModule(const Module& module) {
  if (FindModule(module.id).ok()) return absl::OkStatus();
  if (module.path.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the program is another version now: not build ", module.version));
  }
  void* const handle = dlopen(module.path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* const why = dlerror();
    return absl::FailedPreconditionError(
        absl::StrCat("cannot load ", module.path, ": ",
                     why == nullptr ? "unknown error" : why));
  }
  if (FindModule(module.id).ok()) return absl::OkStatus();
  dlclose(handle);
  return absl::FailedPreconditionError(absl::StrCat(
      module.path, " is another version now: not build ", module.version));
}

}  // namespace joblib::native
