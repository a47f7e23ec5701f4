#include "native/descriptor_socket.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace joblib::native {
namespace {

using std::chrono::milliseconds;

ino_t Inode(int fd) {
  struct stat info = {};
  return fstat(fd, &info) == 0 ? info.st_ino : 0;
}

class DescriptorSocketTest : public testing::Test {
 protected:
  void SetUp() override {
    auto pair = DescriptorSocket::Pair();
    ASSERT_TRUE(pair.ok()) << pair.status();
    std::tie(here_, there_) = *std::move(pair);
    file_ = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ASSERT_GE(file_, 0);
  }
  void TearDown() override { close(file_); }

  DescriptorSocket here_, there_;
  int file_ = -1;
};

TEST_F(DescriptorSocketTest, ADescriptorArrivesWithItsWord) {
  ASSERT_TRUE(here_.Send(0xfedcba9876543210, file_).ok());
  ASSERT_TRUE(there_.Send(7, file_).ok());
  const auto received = there_.Receive(milliseconds(0));
  ASSERT_TRUE(received.ok()) << received.status();
  EXPECT_EQ(received->word, 0xfedcba9876543210);
  EXPECT_EQ(Inode(received->descriptor), Inode(file_));
  EXPECT_NE(received->descriptor, file_);
  EXPECT_EQ(fcntl(received->descriptor, F_GETFD), FD_CLOEXEC);
  close(received->descriptor);
  const auto back = here_.Receive(milliseconds(0));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->word, 7U);
  close(back->descriptor);
}

TEST_F(DescriptorSocketTest, BothEndsAreCloseOnExec) {
  EXPECT_EQ(fcntl(here_.fd(), F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(fcntl(there_.fd(), F_GETFD), FD_CLOEXEC);
}

TEST_F(DescriptorSocketTest, ReceiveWaitsAsLongAsItIsTold) {
  EXPECT_TRUE(absl::IsUnavailable(there_.Receive(milliseconds(0)).status()));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(absl::IsUnavailable(there_.Receive(milliseconds(30)).status()));
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(30));
  std::thread sender([&] { ASSERT_TRUE(here_.Send(1, file_).ok()); });
  const auto received = there_.Receive(std::chrono::minutes(1));
  sender.join();
  ASSERT_TRUE(received.ok()) << received.status();
  close(received->descriptor);
}

TEST_F(DescriptorSocketTest, AFullSocketNeverBlocks) {
  int sent = 0;
  absl::Status status;
  while ((status = here_.Send(static_cast<std::uint64_t>(sent), file_)).ok()) {
    ASSERT_LT(++sent, 1'000'000);
  }
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  // None is lost, and there is room again.
  for (int i = 0; i < sent; ++i) {
    const auto received = there_.Receive(milliseconds(0));
    ASSERT_TRUE(received.ok()) << received.status();
    EXPECT_EQ(received->word, static_cast<std::uint64_t>(i));
    close(received->descriptor);
  }
  EXPECT_TRUE(here_.Send(0, file_).ok());
}

TEST_F(DescriptorSocketTest, AClosedPeerIsTold) {
  EXPECT_FALSE(here_.PeerClosed());
  ASSERT_TRUE(here_.Send(1, file_).ok());  // Will never be read.
  ASSERT_TRUE(there_.Send(2, file_).ok());
  there_ = DescriptorSocket();
  EXPECT_TRUE(here_.PeerClosed());
  // Without SIGPIPE, which would end the test.
  EXPECT_TRUE(absl::IsAborted(here_.Send(1, file_)));
  // What came before the end is still there, unless ours was unread.
  const auto received = here_.Receive(milliseconds(0));
  if (received.ok()) close(received->descriptor);
  EXPECT_TRUE(absl::IsAborted(here_.Receive(std::chrono::minutes(1)).status()));
}

// A sender gone wild: the receiver's buffer has room for one and its padding.
TEST_F(DescriptorSocketTest, TwoDescriptorsAtOnceAreRefusedAndClosed) {
  const int two[] = {file_, file_};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof two)] = {};
  std::uint64_t word = 7;
  iovec data = {.iov_base = &word, .iov_len = sizeof word};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof two);
  std::memcpy(CMSG_DATA(header), two, sizeof two);
  ASSERT_GT(sendmsg(here_.fd(), &message, 0), 0);
  const int next = dup(file_);
  close(next);
  EXPECT_FALSE(there_.Receive(milliseconds(0)).ok());
  const int next_again = dup(file_);
  close(next_again);
  EXPECT_EQ(next_again, next);
}

TEST_F(DescriptorSocketTest, OutOfDescriptorsIsNoDeath) {
  ASSERT_TRUE(here_.Send(1, file_).ok());
  rlimit before = {};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit low = before;
  low.rlim_cur = static_cast<rlim_t>(file_);  // No number below is free.
  std::vector<int> taken;
  for (int fd; (fd = fcntl(file_, F_DUPFD_CLOEXEC, 0)) < file_;) {
    taken.push_back(fd);
  }
  setrlimit(RLIMIT_NOFILE, &low);
  const auto received = there_.Receive(milliseconds(0));
  setrlimit(RLIMIT_NOFILE, &before);
  for (const int fd : taken) close(fd);
  EXPECT_TRUE(absl::IsResourceExhausted(received.status()))
      << received.status();
  ASSERT_TRUE(here_.Send(2, file_).ok());
  const auto again = there_.Receive(milliseconds(0));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->word, 2U);
  close(again->descriptor);
}

}  // namespace
}  // namespace joblib::native
