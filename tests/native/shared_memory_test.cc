#include "native/shared_memory.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace joblib::native {
namespace {

constexpr std::size_t kPage = 4096;

// Puts a limit back.
class ScopedLimit {
 public:
  ScopedLimit(__rlimit_resource resource, rlim_t value) : resource_(resource) {
    getrlimit(resource, &old_);
    rlimit lower = old_;
    lower.rlim_cur = value;
    setrlimit(resource, &lower);
  }
  ~ScopedLimit() { setrlimit(resource_, &old_); }
  ScopedLimit(const ScopedLimit&) = delete;
  ScopedLimit& operator=(const ScopedLimit&) = delete;

 private:
  const __rlimit_resource resource_;
  rlimit old_ = {};
};

int BlocksOf(int fd) {
  struct stat info = {};
  fstat(fd, &info);
  return static_cast<int>(info.st_blocks);
}

// As a memfd, and as a file where memfd_create is refused.
class SharedMemoryTest : public testing::TestWithParam<bool> {
 protected:
  SharedMemoryTest() { SharedMemory::RefuseMemfdForTest(!GetParam()); }
  ~SharedMemoryTest() override { SharedMemory::RefuseMemfdForTest(false); }

  static SharedMemory Make(std::size_t bytes) {
    auto memory = SharedMemory::Create("shared_memory_test", bytes);
    EXPECT_TRUE(memory.ok()) << memory.status();
    return memory.ok() ? *std::move(memory) : SharedMemory();
  }
};
INSTANTIATE_TEST_SUITE_P(, SharedMemoryTest, testing::Bool(),
                         [](const auto& info) {
                           return std::string(info.param ? "Memfd" : "File");
                         });

TEST_P(SharedMemoryTest, TwoMappingsSeeTheSameBytes) {
  const SharedMemory memory = Make(3 * kPage);
  auto all = Mapping::Map(memory, 0, memory.bytes());
  auto last = Mapping::Map(memory, 2 * kPage, kPage, Mapping::Access::kRead);
  ASSERT_TRUE(all.ok() && last.ok());
  all->data()[2 * kPage + 5] = std::byte{42};
  EXPECT_EQ(last->data()[5], std::byte{42});
  EXPECT_EQ(last->data()[6], std::byte{0});
}

TEST_P(SharedMemoryTest, BytesAreRoundedUpToPages) {
  EXPECT_EQ(Make(1).bytes(), kPage);
  EXPECT_EQ(Make(kPage + 1).bytes(), 2 * kPage);
}

TEST_P(SharedMemoryTest, IsCloseOnExecAndSparse) {
  const SharedMemory memory = Make(std::size_t{1} << 30);
  EXPECT_EQ(fcntl(memory.fd(), F_GETFD), FD_CLOEXEC);
  EXPECT_LE(BlocksOf(memory.fd()), 16);
}

TEST_P(SharedMemoryTest, DiscardedPagesReadAsZerosAndAreGone) {
  const SharedMemory memory = Make(64 * kPage);
  auto all = Mapping::Map(memory, 0, memory.bytes());
  ASSERT_TRUE(all.ok());
  ASSERT_TRUE(memory.Reserve(0, memory.bytes()).ok());
  std::memset(all->data(), 1, memory.bytes());
  const int before = BlocksOf(memory.fd());
  memory.Discard(1, 3 * kPage);  // The two whole pages in it.
  // Asked first: a page that is read is there again.
  EXPECT_LT(BlocksOf(memory.fd()), before);
  EXPECT_EQ(all->data()[kPage - 1], std::byte{1});
  EXPECT_EQ(all->data()[kPage], std::byte{0});
  EXPECT_EQ(all->data()[3 * kPage - 1], std::byte{0});
  EXPECT_EQ(all->data()[3 * kPage], std::byte{1});
  memory.Discard(7, 100);
  EXPECT_EQ(all->data()[7], std::byte{1});
}

TEST_P(SharedMemoryTest, PiecesLieOneBehindTheOther) {
  const SharedMemory memory = Make(4 * kPage);
  const Mapping::Piece pieces[] = {
      {3 * kPage, kPage}, {0, 2 * kPage}, {0, 2 * kPage}};
  auto map = Mapping::MapPieces(memory, pieces, 3);
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_EQ(map->bytes(), 5 * kPage);
  std::byte* const ring = map->data() + kPage;
  // Across the end of the ring.
  std::memset(ring + 2 * kPage - 3, 9, 6);
  EXPECT_EQ(ring[2], std::byte{9});
  EXPECT_EQ(ring[3], std::byte{0});
  map->data()[0] = std::byte{7};
  auto plain = Mapping::Map(memory, 3 * kPage, kPage);
  EXPECT_EQ(plain->data()[0], std::byte{7});
}

TEST_P(SharedMemoryTest, AdoptWantsTheSizeThatWasSaid) {
  const SharedMemory memory = Make(2 * kPage);
  const auto adopted = SharedMemory::Adopt(dup(memory.fd()), 2 * kPage);
  EXPECT_TRUE(adopted.ok()) << adopted.status();
  const int fd = dup(memory.fd());
  EXPECT_TRUE(
      absl::IsFailedPrecondition(SharedMemory::Adopt(fd, 3 * kPage).status()));
  EXPECT_EQ(fcntl(fd, F_GETFD), -1) << "not closed";
}

TEST_P(SharedMemoryTest, ALimitOnFileSizesIsAnErrorNotASignal) {
  const ScopedLimit limit(RLIMIT_FSIZE, kPage);
  const auto memory = SharedMemory::Create("limited", 2 * kPage);
  EXPECT_TRUE(absl::IsResourceExhausted(memory.status())) << memory.status();
  EXPECT_NE(std::string(memory.status().message()).find("RLIMIT_FSIZE"),
            std::string::npos);
  EXPECT_TRUE(SharedMemory::Create("small", kPage).ok());
}

TEST_P(SharedMemoryTest, OutOfDescriptorsIsResourceExhausted) {
  const int lowest = dup(2);
  close(lowest);
  const ScopedLimit limit(RLIMIT_NOFILE, static_cast<rlim_t>(lowest));
  EXPECT_TRUE(
      absl::IsResourceExhausted(SharedMemory::Create("none", kPage).status()));
}

TEST_P(SharedMemoryTest, OutOfAddressSpaceIsResourceExhausted) {
  const SharedMemory memory = Make(std::size_t{1} << 40);
  // Twice as much as a process can have.
  const Mapping::Piece pieces[] = {{0, std::size_t{1} << 48}};
  EXPECT_TRUE(absl::IsResourceExhausted(
      Mapping::Map(memory, 0, std::size_t{1} << 48).status()));
  EXPECT_TRUE(absl::IsResourceExhausted(
      Mapping::MapPieces(memory, pieces, 1).status()));
}

TEST_P(SharedMemoryTest, MovesLeaveNothingBehind) {
  SharedMemory memory = Make(kPage);
  const int fd = memory.fd();
  SharedMemory moved = std::move(memory);
  EXPECT_EQ(memory.fd(), -1);
  memory = std::move(moved);
  EXPECT_EQ(memory.fd(), fd);
  Mapping map = *Mapping::Map(memory, 0, kPage);
  Mapping other = std::move(map);
  EXPECT_EQ(map.data(), nullptr);
  { const Mapping gone = std::move(other); }
  EXPECT_EQ(other.data(), nullptr);
}

TEST(SealedMemoryTest, AnotherProcessCannotShrinkOrGrowIt) {
  const auto memory = SharedMemory::Create("sealed", 4 * kPage);
  ASSERT_TRUE(memory.ok());
  auto map = Mapping::Map(*memory, 0, memory->bytes());
  ASSERT_TRUE(map.ok());
  const pid_t child = fork();
  if (child == 0) {
    const bool refused = ftruncate(memory->fd(), 0) != 0 && errno == EPERM &&
                         ftruncate(memory->fd(), 8 * kPage) != 0;
    _exit(refused ? 0 : 1);
  }
  int status = 1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  map->data()[3 * kPage] = std::byte{1};  // Would be a SIGBUS.
}

TEST(SealedMemoryTest, UnsealedMemfdsAreNotAdopted) {
  for (const unsigned flags : {0U, unsigned{MFD_ALLOW_SEALING}}) {
    const int fd = memfd_create("unsealed", MFD_CLOEXEC | flags);
    ASSERT_EQ(ftruncate(fd, kPage), 0);
    EXPECT_TRUE(
        absl::IsFailedPrecondition(SharedMemory::Adopt(fd, kPage).status()));
    EXPECT_EQ(fcntl(fd, F_GETFD), -1) << "not closed";
  }
}

TEST(SealedMemoryTest, SealedContentCannotBeWrittenAnyMore) {
  const auto memory = SharedMemory::Create("content", kPage);
  ASSERT_TRUE(memory.ok());
  {
    auto map = Mapping::Map(*memory, 0, kPage);
    map->data()[0] = std::byte{5};
    EXPECT_FALSE(memory->SealContent().ok()) << "a writeable mapping is there";
  }
  ASSERT_TRUE(memory->SealContent().ok());
  EXPECT_FALSE(Mapping::Map(*memory, 0, kPage).ok());
  EXPECT_EQ(write(memory->fd(), "x", 1), -1);
  auto map = Mapping::Map(*memory, 0, kPage, Mapping::Access::kRead);
  ASSERT_TRUE(map.ok());
  EXPECT_EQ(map->data()[0], std::byte{5});
  EXPECT_EQ(fcntl(memory->fd(), F_ADD_SEALS, F_SEAL_GROW), -1);
  EXPECT_EQ(mprotect(map->data(), kPage, PROT_READ | PROT_WRITE), -1);
}

TEST(MemoryFileTest, RoomIsReservedWhereThereIsAny) {
  SharedMemory::RefuseMemfdForTest(true);
  const auto memory = SharedMemory::Create("file", std::size_t{1} << 50);
  SharedMemory::RefuseMemfdForTest(false);
  if (!memory.ok()) {
    // A file system without files that large.
    EXPECT_TRUE(absl::IsResourceExhausted(memory.status()) ||
                absl::IsOutOfRange(memory.status()))
        << memory.status();
    return;
  }
  EXPECT_TRUE(memory->Reserve(0, 4 * kPage).ok());
  EXPECT_TRUE(
      absl::IsResourceExhausted(memory->Reserve(0, std::size_t{1} << 50)));
}

}  // namespace
}  // namespace joblib::native
