#include "native/kept_descriptor.h"

#include <sys/stat.h>
#include <unistd.h>

namespace joblib::native {

KeptDescriptor::KeptDescriptor(int fd) : fd_(fd) {
  struct stat info = {};
  if (fd_ < 0 || fstat(fd_, &info) != 0) return;
  device_ = info.st_dev;
  inode_ = info.st_ino;
}

KeptDescriptor::~KeptDescriptor() {
  if (IsOurs()) close(fd_);
}

bool KeptDescriptor::IsOurs() const {
  struct stat info = {};
  return fd_ >= 0 && fstat(fd_, &info) == 0 && info.st_dev == device_ &&
         info.st_ino == inode_;
}

}  // namespace joblib::native
