#include "joblib/core/exception_codec.h"

#include <algorithm>
#include <any>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <future>
#include <ios>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <regex>
#include <string_view>
#include <system_error>
#include <variant>

#include "absl/base/const_init.h"
#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "joblib/core/first_copy.h"
#include "joblib/core/type_name.h"

namespace joblib::internal {

// ---- Standard exceptions that a text alone does not make.

namespace {

bool PutCode(const std::error_code& code, ByteWriter& out) {
  const std::string category = code.category().name();
  if (category != "generic" && category != "system" && category != "future" &&
      category != "iostream") {
    return false;  // Some library's own.
  }
  out.PutText(category);
  out.Put(static_cast<std::int32_t>(code.value()));
  return true;
}

std::error_code GetCode(ByteReader& in) {
  const std::string category = in.GetText();
  const auto value = in.Get<std::int32_t>();
  if (category == "generic") return {value, std::generic_category()};
  if (category == "system") return {value, std::system_category()};
  if (category == "future") return {value, std::future_category()};
  if (category == "iostream") return {value, std::iostream_category()};
  throw DecodeError("joblib: an error code of an unknown category");
}

}  // namespace

template <>
struct ExceptionContent<std::system_error> {
  static bool Put(const std::system_error& error, ByteWriter& out) {
    return PutCode(error.code(), out);
  }
  static std::system_error Get(ByteReader& in, const std::string&) {
    return std::system_error(GetCode(in));
  }
};
template <>
struct ExceptionContent<std::ios_base::failure> {
  static bool Put(const std::ios_base::failure& error, ByteWriter& out) {
    return PutCode(error.code(), out);
  }
  static std::ios_base::failure Get(ByteReader& in, const std::string& text) {
    return std::ios_base::failure(text, GetCode(in));
  }
};
template <>
struct ExceptionContent<std::filesystem::filesystem_error> {
  static bool Put(const std::filesystem::filesystem_error& error,
                  ByteWriter& out) {
    if (!PutCode(error.code(), out)) return false;
    out.PutText(error.path1().string());
    out.PutText(error.path2().string());
    return true;
  }
  static std::filesystem::filesystem_error Get(ByteReader& in,
                                               const std::string& text) {
    const std::error_code code = GetCode(in);
    const std::string path1 = in.GetText();
    const std::string path2 = in.GetText();
    return std::filesystem::filesystem_error(text, path1, path2, code);
  }
};
template <>
struct ExceptionContent<std::future_error> {
  static bool Put(const std::future_error& error, ByteWriter& out) {
    out.Put(static_cast<std::int32_t>(error.code().value()));
    return true;
  }
  static std::future_error Get(ByteReader& in, const std::string&) {
    return std::future_error(
        static_cast<std::future_errc>(in.Get<std::int32_t>()));
  }
};
template <>
struct ExceptionContent<std::regex_error> {
  static bool Put(const std::regex_error& error, ByteWriter& out) {
    out.Put(static_cast<std::int32_t>(error.code()));
    return true;
  }
  static std::regex_error Get(ByteReader& in, const std::string&) {
    return std::regex_error(
        static_cast<std::regex_constants::error_type>(in.Get<std::int32_t>()));
  }
};
template <>
struct ExceptionContent<TerminatedWorkerError> {
  static bool Put(const TerminatedWorkerError& error, ByteWriter& out) {
    out.Put(error.task_index());
    out.Put(static_cast<std::int32_t>(error.signal()));
    out.Put(static_cast<std::int32_t>(error.exit_code()));
    out.Put(error.completed());
    return true;
  }
  static TerminatedWorkerError Get(ByteReader& in, const std::string& text) {
    const auto task = in.Get<std::int64_t>();
    const auto signal = in.Get<std::int32_t>();
    const auto exit_code = in.Get<std::int32_t>();
    const auto completed = in.Get<std::int64_t>();
    return TerminatedWorkerError(text, task, signal, exit_code, completed);
  }
};

namespace {

// ---- The types.

constexpr int kMaxNested = 16;

// A failed reply must fit where small ones go, whatever was thrown. 17 names
// and 32 KiB of texts and contents are less than 56 KiB.
constexpr std::size_t kMaxName = 1 << 10;
constexpr std::size_t kMaxText = 16 << 10;
constexpr std::size_t kMaxTexts = 32 << 10;

struct Registry {
  // By name: addresses differ from process to process. Null: two types share
  // it (in anonymous namespaces), and neither can be told from the other.
  std::map<std::string, const ExceptionType*, std::less<>> by_name;
  bool has_standard = false;
};
ABSL_CONST_INIT absl::Mutex registry_mu(absl::kConstInit);
Registry& TheRegistry() ABSL_EXCLUSIVE_LOCKS_REQUIRED(registry_mu) {
  static Registry* const registry = new Registry;
  return *registry;
}

void Add(const ExceptionType& type) ABSL_EXCLUSIVE_LOCKS_REQUIRED(registry_mu) {
  const auto [found, is_new] =
      TheRegistry().by_name.try_emplace(TypeName(type.type()), &type);
  if (!is_new && found->second != nullptr &&
      found->second->type() != type.type()) {
    found->second = nullptr;
  }
}

template <class... E>
void AddAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(registry_mu) {
  (Add(*new ExceptionTypeOf<E>), ...);
}

void AddStandard() ABSL_EXCLUSIVE_LOCKS_REQUIRED(registry_mu) {
  if (std::exchange(TheRegistry().has_standard, true)) return;
  AddAll<std::exception, std::logic_error, std::domain_error,
         std::invalid_argument, std::length_error, std::out_of_range,
         std::runtime_error, std::range_error, std::overflow_error,
         std::underflow_error, std::system_error, std::ios_base::failure,
         std::filesystem::filesystem_error, std::future_error, std::regex_error,
         std::bad_alloc, std::bad_array_new_length, std::bad_cast,
         std::bad_any_cast, std::bad_typeid, std::bad_exception,
         std::bad_function_call, std::bad_weak_ptr, std::bad_optional_access,
         std::bad_variant_access>();
  AddAll<BrokenProcessPool, TerminatedWorkerError, PicklingError, TimeoutError,
         CancelledError, DecodeError, cereal::Exception>();
}

const ExceptionType* FindType(const std::string& name)
    ABSL_LOCKS_EXCLUDED(registry_mu) {
  absl::MutexLock lock(&registry_mu);
  AddStandard();
  const auto found = TheRegistry().by_name.find(name);
  return found != TheRegistry().by_name.end() ? found->second : nullptr;
}

// Where the runtime does not tell the type of what is no std::exception.
const ExceptionType* FindMatch(const std::exception_ptr& error)
    ABSL_LOCKS_EXCLUDED(registry_mu) {
  absl::MutexLock lock(&registry_mu);
  for (const auto& [name, type] : TheRegistry().by_name) {
    if (type != nullptr && type->Matches(error)) return type;
  }
  return nullptr;
}

// Without the classes that std::throw_with_nested and we derive: E of
// "std::_Nested_exception<E>".
std::string WithoutWrappers(std::string name) {
  static constexpr std::string_view kWrappers[] = {
      "std::_Nested_exception<",            // libstdc++
      "std::__nested<",                     // libc++
      "joblib::internal::TraveledNested<",  // Ours.
      "joblib::internal::Traveled<",
  };
  for (bool again = true; again;) {
    again = false;
    for (const std::string_view wrapper : kWrappers) {
      if (name.compare(0, wrapper.size(), wrapper) != 0) continue;
      name = name.substr(wrapper.size(), name.size() - wrapper.size() - 1);
      again = true;
    }
  }
  return name;
}

// ---- Writing.

struct Told {
  const ExceptionType* type = nullptr;  // Null: arrives as RemoteError.
  std::string name, text;
  std::exception_ptr nested;
};

std::string WhatOf(const std::exception& e) {
  const char* const what = e.what();
  return what != nullptr ? what : "";
}

// Not within a character of UTF-8.
void Cut(std::size_t size, std::string* text) {
  if (text->size() <= size) return;
  while (size > 0 && (static_cast<unsigned char>((*text)[size]) >> 6) == 2) {
    --size;
  }
  text->resize(size);
}

Told Tell(const std::exception_ptr& error) {
  Told told;
  if (error == nullptr) {
    told.name = "an unknown type";
    told.text = "no exception";
    return told;
  }
  try {
    std::rethrow_exception(error);
  } catch (const RemoteError& e) {  // Stays what it was first.
    told.name = e.type_name();
    told.text = WhatOf(e);
    if (const auto* n = dynamic_cast<const std::nested_exception*>(&e)) {
      told.nested = n->nested_ptr();
    }
    return told;
  } catch (const std::exception& e) {
    told.name = WithoutWrappers(TypeName(typeid(e)));
    told.text = WhatOf(e);
    if (const auto* n = dynamic_cast<const std::nested_exception*>(&e)) {
      told.nested = n->nested_ptr();
    }
    told.type = FindType(told.name);
    if (told.type == nullptr &&
        dynamic_cast<const TerminatedWorkerError*>(&e) != nullptr) {
      // Of a call in a task: its own class is nobody's business.
      told.type = FindType(TypeName(typeid(TerminatedWorkerError)));
    }
  } catch (...) {
    if (const std::type_info* const type = CurrentExceptionType()) {
      told.name = WithoutWrappers(TypeName(*type));
      told.type = FindType(told.name);
    } else if ((told.type = FindMatch(error)) != nullptr) {
      told.name = TypeName(told.type->type());
    } else {
      told.name = "an unknown type";
    }
    told.text = "an exception of type " + told.name;
    try {
      throw;
    } catch (const std::nested_exception& n) {
      told.nested = n.nested_ptr();
    } catch (...) {
    }
  }
  if (told.type != nullptr) told.name = TypeName(told.type->type());
  return told;
}

void EncodeLevel(const std::exception_ptr& error, int level, std::size_t room,
                 ByteWriter& out) {
  Told told = Tell(error);
  HeapBytes content;
  bool is_known = told.type != nullptr;
  if (is_known) {
    try {
      is_known = told.type->Put(error, content.writer());
    } catch (...) {  // A user's serialize.
      is_known = false;
    }
  }
  // Half of what is left at most, so that no level goes without a text.
  Cut(std::min(kMaxText, room / 2), &told.text);
  room -= told.text.size();
  // A name or a content that is cut makes nothing.
  is_known = is_known && told.name.size() <= kMaxName &&
             content.size() <= std::min(kMaxText, room / 2);
  if (is_known) room -= content.size();
  Cut(kMaxName, &told.name);
  out.Put(std::uint8_t{is_known});
  out.PutText(told.name);
  out.PutText(told.text);
  out.PutText(is_known ? content.Text() : std::string());
  const bool has_nested = told.nested != nullptr && level < kMaxNested;
  out.Put(std::uint8_t{has_nested});
  if (has_nested) EncodeLevel(told.nested, level + 1, room, out);
}

// ---- Reading.

std::exception_ptr Make(bool is_known, const std::string& name,
                        const std::string& text, const std::string& content,
                        const TaskFailure& who, bool nested) {
  const ExceptionType* const type = is_known ? FindType(name) : nullptr;
  if (type != nullptr) {
    try {
      ByteReader in(content.data(), content.size());
      return type->Make(in, text, who, nested);
    } catch (...) {  // A user's serialize, or nonsense.
    }
  }
  RemoteError error(name, text, who.task_index());
  if (nested) {
    return std::make_exception_ptr(
        TraveledNested<RemoteError>(std::move(error), text, who));
  }
  return std::make_exception_ptr(
      Traveled<RemoteError>(std::move(error), text, who));
}

std::exception_ptr DecodeLevel(ByteReader& in, int level,
                               const TaskFailure& who) {
  if (level > kMaxNested) {
    throw DecodeError("joblib: exceptions are nested too deeply");
  }
  const bool is_known = in.Get<std::uint8_t>() != 0;
  const std::string name = in.GetText();
  const std::string text = in.GetText();
  const std::string content = in.GetText();
  if (in.Get<std::uint8_t>() == 0) {
    return Make(is_known, name, text, content, who, /*nested=*/false);
  }
  const std::exception_ptr nested = DecodeLevel(in, level + 1, who);
  try {
    std::rethrow_exception(nested);
  } catch (...) {
    return Make(is_known, name, text, content, who, /*nested=*/true);
  }
}

void OwnRegister(const ExceptionType& type) {
  absl::MutexLock lock(&registry_mu);
  Add(type);
}

void OwnEncode(const std::exception_ptr& error, ByteWriter& out) {
  const std::size_t begin = out.size();
  try {
    EncodeLevel(error, 0, kMaxTexts, out);
  } catch (...) {  // No memory.
    out.Truncate(begin);
    out.Put(std::uint8_t{false});
    out.PutText("an unknown type");
    out.PutText("an exception that could not be sent");
    out.PutText("");
    out.Put(std::uint8_t{false});
  }
}

std::exception_ptr OwnDecode(ByteReader& in, const TaskFailure& who) {
  return DecodeLevel(in, 0, who);
}

struct ExceptionFunctions {
  void (*add)(const ExceptionType&);
  void (*encode)(const std::exception_ptr&, ByteWriter&);
  std::exception_ptr (*decode)(ByteReader&, const TaskFailure&);
};

}  // namespace

JOBLIB_COPY_OF("exceptions", ExceptionFunctions, joblib_copy_exceptions,
               {OwnRegister, OwnEncode, OwnDecode})

namespace {
const ExceptionFunctions& TheExceptions() {
  static const ExceptionFunctions& first =
      FirstCopy("exceptions", joblib_copy_exceptions);
  return first;
}
}  // namespace

void RegisterException(const ExceptionType& type) { TheExceptions().add(type); }

void EncodeException(const std::exception_ptr& error, ByteWriter& out) {
  TheExceptions().encode(error, out);
}

std::exception_ptr DecodeException(ByteReader& in, const TaskFailure& who) {
  return TheExceptions().decode(in, who);
}

}  // namespace joblib::internal
