#include "joblib/core/backend_registry.h"

#include <memory>
#include <stdexcept>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace joblib::internal {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;

class NamedBackend final : public ParallelBackendBase {
 public:
  explicit NamedBackend(std::string n) : name(std::move(n)) {}
  int effective_n_jobs(NJobs) const override { return 1; }
  void submit(Batch batch) override { batch.run(); }
  const std::string name;
};

BackendFactory Makes(const std::string& name) {
  return [name](const BackendParams&) {
    return std::make_shared<NamedBackend>(name);
  };
}

std::string NameOfMade(const BackendRegistry& registry,
                       const std::string& name) {
  const std::shared_ptr<ParallelBackendBase> backend = registry.Make(name, {});
  return dynamic_cast<const NamedBackend&>(*backend).name;
}

TEST(BackendRegistryTest, KnowsWhatWasRegisteredInAscendingOrder) {
  BackendRegistry registry;
  EXPECT_THAT(registry.names(), IsEmpty());
  registry.Register("b", Makes("B"), /*make_default=*/false);
  registry.Register("a", Makes("A"), /*make_default=*/false);
  EXPECT_TRUE(registry.Has("a"));
  EXPECT_FALSE(registry.Has("A"));
  EXPECT_THAT(registry.names(), ElementsAre("a", "b"));
  EXPECT_EQ(NameOfMade(registry, "b"), "B");
}

TEST(BackendRegistryTest, OnlyMakeDefaultChangesTheDefault) {
  BackendRegistry registry;
  registry.Register("a", Makes("A"), /*make_default=*/true);
  registry.Register("b", Makes("B"), /*make_default=*/false);
  EXPECT_EQ(registry.default_name(), "a");
  registry.Register("b", Makes("B"), /*make_default=*/true);
  EXPECT_EQ(registry.default_name(), "b");
}

TEST(BackendRegistryTest, TheSameNameAgainReplacesTheFactory) {
  BackendRegistry registry;
  registry.Register("a", Makes("old"), /*make_default=*/true);
  registry.Register("a", Makes("new"), /*make_default=*/false);
  EXPECT_EQ(NameOfMade(registry, "a"), "new");
  EXPECT_THAT(registry.names(), ElementsAre("a"));
  EXPECT_EQ(registry.default_name(), "a");
}

TEST(BackendRegistryTest, AnAliasGivesTheDefaultBackend) {
  BackendRegistry registry;
  registry.Register("a", Makes("A"), /*make_default=*/true);
  registry.Register("b", Makes("B"), /*make_default=*/false);
  registry.AliasToDefault("b");
  EXPECT_EQ(NameOfMade(registry, "b"), "A");
  EXPECT_EQ(registry.default_name(), "a");
}

TEST(BackendRegistryTest, TheFactoryGetsTheParametersEachTime) {
  BackendRegistry registry;
  registry.Register(
      "a",
      [](const BackendParams& params) {
        return std::make_shared<NamedBackend>(*params.at("name").as_text());
      },
      /*make_default=*/false);
  const auto first = registry.Make("a", {{"name", "x"}});
  const auto second = registry.Make("a", {{"name", "y"}});
  EXPECT_EQ(dynamic_cast<NamedBackend&>(*first).name, "x");
  EXPECT_EQ(dynamic_cast<NamedBackend&>(*second).name, "y");
}

TEST(BackendRegistryTest, AnUnknownNameIsAnErrorInJoblibsWords) {
  BackendRegistry registry;
  registry.Register("b", Makes("B"), /*make_default=*/false);
  registry.Register("a", Makes("A"), /*make_default=*/false);
  EXPECT_THAT([&] { registry.Make("c", {}); },
              ThrowsMessage<std::invalid_argument>(
                  "Invalid backend: c, expected one of ['a', 'b']"));
  EXPECT_FALSE(registry.Has("c"));
}

TEST(BackendRegistryTest, AnEmptyFactoryIsRefusedAndChangesNothing) {
  BackendRegistry registry;
  registry.Register("a", Makes("A"), /*make_default=*/true);
  EXPECT_THAT([&] { registry.Register("b", nullptr, /*make_default=*/true); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("'b'")));
  EXPECT_THAT(registry.names(), ElementsAre("a"));
  EXPECT_EQ(registry.default_name(), "a");
}

TEST(BackendRegistryTest, AFactoryThatMakesNothingIsAnErrorThatNamesIt) {
  BackendRegistry registry;
  registry.Register(
      "a", [](const BackendParams&) { return nullptr; },
      /*make_default=*/false);
  EXPECT_THAT([&] { registry.Make("a", {}); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("'a'")));
}

TEST(BackendRegistryTest, WhatAFactoryThrowsArrives) {
  BackendRegistry registry;
  registry.Register(
      "a",
      [](const BackendParams&) -> std::shared_ptr<ParallelBackendBase> {
        throw std::domain_error("no cluster");
      },
      /*make_default=*/false);
  EXPECT_THAT([&] { registry.Make("a", {}); },
              ThrowsMessage<std::domain_error>("no cluster"));
}

TEST(BackendRegistryTest, AFactoryMayUseTheRegistryAndReplaceItself) {
  BackendRegistry registry;
  registry.Register("a", Makes("A"), /*make_default=*/false);
  registry.Register(
      "lazy",
      [&registry, alive = std::make_shared<std::string>("a")](
          const BackendParams& params) {
        registry.Register("lazy", Makes("replaced"), /*make_default=*/false);
        // `alive` is this factory's, which the registry has let go of.
        return registry.Make(*alive, params);
      },
      /*make_default=*/false);
  EXPECT_EQ(NameOfMade(registry, "lazy"), "A");
  EXPECT_EQ(NameOfMade(registry, "lazy"), "replaced");
}

}  // namespace
}  // namespace joblib::internal
