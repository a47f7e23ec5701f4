// A worker that writes whatever it likes into the memory and the socket that it
// shares with the program, until it dies of it: a crash of that worker, never
// of the program, and the next call is as if nothing had been.
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/backends/process/channel.h"
#include "joblib/joblib.h"
#include "tests/backends/process/children.h"
#include "tests/testing/eventually.h"
#include "tests/testing/shared_counters.h"

namespace joblib::testing {
namespace {

using ::testing::SizeIs;

using Random = std::mt19937;

struct Piece {
  std::uintptr_t begin, end;
};

// Of what the program maps, too, but not of what this test counts in.
std::vector<Piece> SharedPieces() {
  std::vector<Piece> pieces;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find("rw-s") == std::string::npos ||
        line.find("/memfd:joblib") == std::string::npos) {
      continue;
    }
    Piece piece = {};
    char dash;
    std::istringstream(line) >> std::hex >> piece.begin >> dash >> piece.end;
    // Of the arenas no more than what small results use.
    piece.end = std::min(piece.end, piece.begin + (1 << 20));
    pieces.push_back(piece);
  }
  return pieces;
}

std::vector<int> Sockets() {
  std::vector<int> sockets;
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/self/fd")) {
    const int fd = std::stoi(entry.path().filename());
    struct stat info = {};
    if (fstat(fd, &info) == 0 && S_ISSOCK(info.st_mode)) sockets.push_back(fd);
  }
  return sockets;
}

void Talk(const std::vector<int>& sockets, Random& random) {
  for (const int fd : sockets) {
    const std::string text(random() % 64, static_cast<char>(random()));
    send(fd, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
}

// Where the header, the first frames of each ring and of each arena may be.
std::uintptr_t Place(const Piece& piece, Random& random) {
  constexpr std::uintptr_t kPage = 4096, kRing = 256 << 10;
  const std::uintptr_t begin = random() % 3 * kRing + random() % 2 * kPage;
  const std::uintptr_t offset = begin + random() % kPage / 4 * 4;
  return piece.begin + offset % (piece.end - piece.begin);
}

// Not seen by the sanitizers: it is what they are to look for elsewhere.
__attribute__((no_sanitize("address", "thread"))) void Scribble(
    const std::vector<Piece>& pieces, Random& random) {
  auto* const word = reinterpret_cast<volatile std::uint32_t*>(
      Place(pieces[random() % pieces.size()], random));
  switch (random() % 4) {
    case 0:
      *word = static_cast<std::uint32_t>(random());
      break;
    case 1:
      *word = *word ^ 1U << random() % 32;
      break;
    case 2:
      *word = static_cast<std::uint32_t>(random() % 64);
      break;
    case 3:
      *word = ~0U;
      break;
  }
}

void GoWild(unsigned seed) {
  Random random(seed);
  const std::vector<Piece> pieces = SharedPieces();
  const std::vector<int> sockets = Sockets();
  const unsigned n = 1 + random() % 200;
  for (unsigned i = 0; i < n; ++i) {
    for (int k = 0; k < 50; ++k) Scribble(pieces, random);
    if (random() % 16 == 0) Talk(sockets, random);
    std::this_thread::yield();
  }
  raise(SIGKILL);
}

std::string Task(int n, unsigned seed, const SharedCounters& wild) {
  if (n == 5) {
    wild.Set(0, getpid());
    std::thread(GoWild, seed).detach();
  }
  return std::string(static_cast<std::size_t>(n), 'x');
}

TEST(GoneWildTest, IsACrashOfThatWorkerAlone) {
  constexpr unsigned kRounds = 60;
  constexpr int kTasks = 1000;
  const auto wild = SharedCounters::Zeros();
  const auto call = [&](int n, unsigned seed) {
    return Parallel({.n_jobs = 2, .batch_size = 4})
        .collect(each(range(n),
                      [&](int i) { return delayed(Task)(i, seed, wild); }));
  };
  for (unsigned seed = 0; seed < kRounds; ++seed) {
    SCOPED_TRACE(seed);
    // Which values come then is the worker's word; that all come is not.
    try {
      EXPECT_THAT(call(kTasks, seed), SizeIs(kTasks));
    } catch (const BrokenProcessPool&) {
      // It may have said of itself that it never began to serve.
    }
    // Reaped: the library knows.
    ASSERT_TRUE(Eventually([&] { return StateOf(wild.Get()).state == 0; }));
    const auto next = call(5, seed);
    ASSERT_THAT(next, SizeIs(5));
    for (std::size_t i = 0; i < next.size(); ++i) {
      EXPECT_EQ(next[i].value(), std::string(i, 'x'));
    }
  }
  shutdown();
  EXPECT_TRUE(Eventually([] { return Children().empty(); }));
}

internal::ChannelHeader& OwnChannel() {
  for (const Piece& piece : SharedPieces()) {
    auto* const header =
        reinterpret_cast<internal::ChannelHeader*>(piece.begin);
    if (header->magic == internal::kChannelMagic) return *header;
  }
  std::abort();
}

// Puts what is no answer behind the one after `before`, once that is told, so
// that its reader finds both.
void AnswerTooMuch(internal::ChannelHeader& header, std::uint32_t before) {
  std::uint32_t head = before;
  while (head == before) head = header.head.load();
  const internal::Frame nonsense = {.bytes = ~0U, .kind = 77, .flags = 0};
  std::memcpy(reinterpret_cast<std::byte*>(&header) + internal::kHeaderBytes +
                  2 * internal::kRingBytes + head % internal::kRingBytes,
              &nonsense, sizeof nonsense);
  // The worker says anew how far it is when it rings. Until it is killed.
  for (;;) {
    header.head.store(head + 16);
    std::this_thread::yield();
  }
}

int WildAfterwards(int n) {
  static bool is_wild = false;
  while (is_wild) pause();
  if (n == 3) {
    is_wild = true;
    internal::ChannelHeader& header = OwnChannel();
    std::thread(AnswerTooMuch, std::ref(header), header.head.load()).detach();
  }
  return n;
}

TEST(GoneWildTest, NonsenseBehindAnAnswerFailsTheTaskThatRunsThen) {
  int n_failed = 0;
  for (int round = 0; round < 20; ++round) {
    SCOPED_TRACE(round);
    const auto outcomes = Parallel({.n_jobs = 2, .batch_size = 1})
                              .collect(each(range(40), [](int i) {
                                return delayed(WildAfterwards)(i);
                              }));
    ASSERT_THAT(outcomes, SizeIs(40));
    const int before = n_failed;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      if (outcomes[i].has_value()) {
        EXPECT_EQ(outcomes[i].value(), static_cast<int>(i));
      } else {
        ++n_failed;
      }
    }
    // None where the call was over before anybody read it.
    EXPECT_LE(n_failed, before + 1);
    shutdown();  // Whoever is wild and was not found out.
  }
  EXPECT_GT(n_failed, 0);
}

}  // namespace
}  // namespace joblib::testing
