#include "joblib/backends/process/code_modules.h"

#include <algorithm>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "joblib/core/byte_reader.h"
#include "joblib/core/errors.h"
#include "native/code_address.h"

namespace joblib::internal {
namespace {

thread_local CodeModules::Noted* noted = nullptr;

const void* OrThrow(const absl::StatusOr<const void*>& address) {
  if (address.ok()) return *address;
  throw DecodeError(absl::StrCat(
      "joblib: this process does not have the function that it was sent (",
      address.status().message(),
      "): the program or a library of it was replaced while it ran. Start "
      "the program again."));
}

}  // namespace

CodeModules::Noted::Noted() : outer_(noted) { noted = this; }
CodeModules::Noted::~Noted() { noted = outer_; }

CodeRef CodeModules::Note(const absl::StatusOr<native::CodeAddress>& address) {
  if (!address.ok()) {
    throw PicklingError(
        absl::StrCat("Could not pickle the task to send it to the workers: its "
                     "function is in no file that they could load (",
                     address.status().message(), ")."));
  }
  if (noted != nullptr) {
    Noted::Modules& modules = noted->modules_;
    if (std::find(modules.begin(), modules.end(), address->module) ==
        modules.end()) {
      modules.push_back(address->module);
    }
  }
  return {address->module, address->offset};
}

CodeRef CodeModules::Of(const void* function) {
  if (function == nullptr) return {};
  return Note(native::LocateCode(function));
}

const void* CodeModules::Find(CodeRef ref) {
  if (ref.module == 0) return nullptr;
  return OrThrow(native::ResolveCode({ref.module, ref.offset}));
}

CodeRef CodeModules::OfConstant(const void* constant) {
  return Note(native::LocateConstant(constant));
}

const void* CodeModules::FindConstant(CodeRef ref, std::size_t bytes) {
  return OrThrow(native::ResolveConstant({ref.module, ref.offset}, bytes));
}

}  // namespace joblib::internal
