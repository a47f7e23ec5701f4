#include "joblib/core/ships.h"

#include <string>

#include "joblib/core/errors.h"
#include "joblib/core/type_name.h"

namespace joblib::internal {
namespace {

constexpr char kCouldNot[] =
    "Could not pickle the task to send it to the workers.";

std::string PartName(int part, int n_arguments) {
  if (part == 0) return "the function";
  if (part < 0) return "the result";
  return "argument " + std::to_string(part) + " of " +
         std::to_string(n_arguments);
}

std::string Capitalized(std::string text) {
  text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

bool IsClosure(const std::string& type) {
  return type.find("{lambda(") != std::string::npos ||  // g++
         type.find("'lambda") != std::string::npos ||   // clang, inline
         type.find("$_") != std::string::npos;          // clang
}

std::string Reason(const CantShip& why, const std::string& type) {
  switch (why.obstacle) {
    case Obstacle::kPointer:
      return "a pointer means nothing in another process; send the value, or a "
             "std::unique_ptr or std::shared_ptr to it";
    case Obstacle::kReference:
      return "std::ref refers to memory of this process; send a copy, or a "
             "joblib::Shared or joblib::Array";
    case Obstacle::kView:
      return "a std::string_view refers to memory of this process; send a "
             "std::string";
    case Obstacle::kAnyFunction:
      return "what a std::function holds can't be seen; send a function "
             "pointer or a captureless lambda";
    case Obstacle::kNonConstSave:
      return "its save member is not const";
    case Obstacle::kOnlyOfBase:
      return "it would be sent by the serialize function of its base class, "
             "which leaves out its own members";
    case Obstacle::kNoDefault:
      return "it has no default constructor, but is made first and then read";
    case Obstacle::kComparison:
      return "a comparison or hash function with a state does not travel with "
             "its container";
    case Obstacle::kNoSerialize:
    case Obstacle::kNone:
      break;
  }
  if (IsClosure(type)) return "it is a lambda with captures";
  return "it has no serialize function";
}

}  // namespace

void ThrowCantShip(const CantShip& why) {
  const std::string whole = TypeName(*why.type);
  const std::string culprit = TypeName(*why.culprit);
  std::string text = std::string(kCouldNot) + " " +
                     Capitalized(PartName(why.part, why.n_arguments)) +
                     ", of type " + whole + ", can't travel to another process";
  text += culprit == whole ? ": " : ": " + culprit + " in it: ";
  text += Reason(why, culprit);
  text +=
      ". Ways out: give the type a cereal serialize member (template <class "
      "Archive> void serialize(Archive& archive) { archive(a, b); }) and a "
      "default constructor; make a function a captureless lambda or wrap it by "
      "joblib::wrap_non_picklable_objects; or use backend=\"threading\", where "
      "nothing has to travel.";
  throw PicklingError(text);
}

void ThrowSerializeFailed(int part, int n_arguments, const char* what) {
  std::throw_with_nested(PicklingError(
      std::string(kCouldNot) + " " + Capitalized(PartName(part, n_arguments)) +
      " could not be serialized: " + what));
}

}  // namespace joblib::internal
