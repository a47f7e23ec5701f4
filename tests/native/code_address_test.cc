#include "native/code_address.h"

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "native/shared_memory.h"
#include "tests/native/own_worker.h"

namespace joblib::native {
namespace {

using Function = int (*)(int);

const void* Address(Function function) {
  return reinterpret_cast<const void*>(function);
}

int Twice(int x) { return 2 * x; }
template <int kFactor>
int Times(int x) {
  return kFactor * x;
}
struct Class {
  static int Negated(int x) { return -x; }
};

std::string CopyFile(const std::string& from, const std::string& to) {
  std::ifstream in(from, std::ios::binary);
  // A new file each time: the old one may be mapped.
  std::remove(to.c_str());
  std::ofstream(to, std::ios::binary) << in.rdbuf();
  return to;
}

std::string Plugin(int version) {
  return absl::StrCat("./tests/native/code_address_plugin_", version, ".so");
}

TEST(CodeAddressTest, ResolvesToWhatWasLocated) {
  const Function functions[] = {&Twice, &Times<3>, &Times<4>, &Class::Negated,
                                +[](int x) { return x + 1; }};
  for (const Function function : functions) {
    const auto address = LocateCode(Address(function));
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_NE(address->module, 0U);
    EXPECT_EQ(*ResolveCode(*address), Address(function));
  }
}

TEST(CodeAddressTest, AnotherProcessFindsTheSameFunctions) {
  // Each process has its own address space layout.
  struct Sent {
    CodeAddress functions[4];
  };
  OwnWorker worker;
  Sent sent;
  const Function functions[] = {&Twice, &Times<3>, +[](int x) { return x + 1; },
                                &std::abs};
  for (int i = 0; i < 4; ++i) {
    const auto address = LocateCode(Address(functions[i]));
    ASSERT_TRUE(address.ok()) << address.status();
    sent.functions[i] = *address;
  }
  static_assert(sizeof(Sent) <= sizeof(WorkerPage::text));
  std::memcpy(worker.page().text, &sent, sizeof sent);
  ASSERT_TRUE(worker
                  .Start([](WorkerPage& page, const WorkerStart&) {
                    Sent sent;
                    std::memcpy(&sent, page.text, sizeof sent);
                    for (int i = 0; i < 4; ++i) {
                      const auto code = ResolveCode(sent.functions[i]);
                      if (!code.ok()) continue;
                      page.numbers[i] = reinterpret_cast<Function>(
                          const_cast<void*>(*code))(-7);
                    }
                  })
                  .ok());
  EXPECT_EQ(OwnWorker::Describe(worker.WaitForEnd()), "EXIT(0)");
  EXPECT_EQ(worker.page().numbers[0], -14);
  EXPECT_EQ(worker.page().numbers[1], -21);
  EXPECT_EQ(worker.page().numbers[2], -6);
  EXPECT_EQ(worker.page().numbers[3], 7);
}

TEST(CodeAddressTest, CodeMadeAtRunTimeIsNotFound) {
  void* const code = mmap(nullptr, 4096, PROT_READ | PROT_EXEC,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  EXPECT_TRUE(absl::IsNotFound(LocateCode(code).status()));
  munmap(code, 4096);
  EXPECT_TRUE(absl::IsNotFound(LocateCode(nullptr).status()));
}

struct Constant {
  std::uint64_t number;
  Function function;
};
// With an address in it, and without: they lie in different segments.
constexpr Constant kWithFunction = {5, &Twice};
constexpr Constant kWithout = {6, nullptr};

TEST(CodeAddressTest, ResolvesConstants) {
  for (const Constant* constant : {&kWithFunction, &kWithout}) {
    const auto address = LocateConstant(constant);
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_EQ(*ResolveConstant(*address, sizeof *constant), constant);
    EXPECT_EQ(*ResolveConstant(*address, 1), constant);
    EXPECT_TRUE(absl::IsOutOfRange(
        ResolveConstant(*address, std::size_t{1} << 40).status()));
    EXPECT_TRUE(absl::IsNotFound(
        ResolveConstant({address->module + 1, address->offset}, 1).status()));
  }
  const auto made = std::make_unique<Constant>(kWithFunction);
  EXPECT_TRUE(absl::IsNotFound(LocateConstant(made.get()).status()));
}

TEST(CodeAddressTest, DataIsNoCode) {
  static int data = 5;  // What is constant may lie beside the code.
  EXPECT_TRUE(absl::IsNotFound(LocateCode(&data).status()));
}

TEST(CodeAddressTest, RefusesUnknownModulesAndOffsetsOutsideOfCode) {
  const auto address = LocateCode(Address(&Twice));
  ASSERT_TRUE(address.ok());
  EXPECT_TRUE(absl::IsNotFound(
      ResolveCode({.module = 12345, .offset = address->offset}).status()));
  for (const std::uint64_t offset :
       {std::uint64_t{1} << 30, ~std::uint64_t{0}}) {
    EXPECT_TRUE(absl::IsOutOfRange(
        ResolveCode({.module = address->module, .offset = offset}).status()))
        << offset;
  }
}

TEST(CodeAddressTest, TheProgramsModuleHasNoPath) {
  const auto address = LocateCode(Address(&Twice));
  const auto module = FindModule(address->module);
  ASSERT_TRUE(module.ok());
  EXPECT_EQ(module->path, "");
  EXPECT_EQ(module->version.size(), 40U) << "a SHA-1 build-id in hex";
  EXPECT_TRUE(OpenModule(*module).ok());
}

TEST(CodeAddressTest, AnUnloadedLibraryIsForgotten) {
  // Both end up at the same place.
  const std::string path =
      CopyFile(Plugin(1), absl::StrCat(testing::TempDir(), "/forgotten.so"));
  void* handle = dlopen(path.c_str(), RTLD_NOW);
  ASSERT_NE(handle, nullptr) << dlerror();
  const void* const one = dlsym(handle, "CodeAddressPlugin");
  const auto first = LocateCode(one);
  ASSERT_TRUE(first.ok());
  ASSERT_EQ(*ResolveCode(*first), one);
  dlclose(handle);
  EXPECT_TRUE(absl::IsNotFound(ResolveCode(*first).status()));
  EXPECT_TRUE(absl::IsNotFound(LocateCode(one).status()));

  CopyFile(Plugin(2), path);
  handle = dlopen(path.c_str(), RTLD_NOW);
  const void* const two = dlsym(handle, "CodeAddressPlugin");
  const auto second = LocateCode(two);
  ASSERT_TRUE(second.ok());
  EXPECT_NE(first->module, second->module);
  dlclose(handle);
}

TEST(CodeAddressTest, AWorkerLoadsTheLibraryThatTheFunctionIsIn) {
  void* const handle = dlopen(Plugin(1).c_str(), RTLD_NOW);
  ASSERT_NE(handle, nullptr) << dlerror();
  const auto address = LocateCode(dlsym(handle, "CodeAddressPlugin"));
  ASSERT_TRUE(address.ok());
  const auto module = FindModule(address->module);
  ASSERT_TRUE(module.ok());
  EXPECT_EQ(module->path[0], '/') << module->path;

  OwnWorker worker;
  worker.page().SetText(module->path);
  worker.page().numbers[0] = static_cast<std::int64_t>(address->module);
  worker.page().numbers[1] = static_cast<std::int64_t>(address->offset);
  ASSERT_TRUE(worker
                  .Start([](WorkerPage& page, const WorkerStart&) {
                    const Module module = {
                        .id = static_cast<std::uint64_t>(page.numbers[0]),
                        .path = page.text,
                        .version = "1"};
                    const CodeAddress address = {
                        .module = module.id,
                        .offset = static_cast<std::uint64_t>(page.numbers[1])};
                    page.numbers[2] = ResolveCode(address).ok();
                    page.numbers[3] = OpenModule(module).ok();
                    const auto code = ResolveCode(address);
                    if (!code.ok()) return;
                    page.numbers[4] = reinterpret_cast<Function>(
                        const_cast<void*>(*code))(20);
                  })
                  .ok());
  EXPECT_EQ(OwnWorker::Describe(worker.WaitForEnd()), "EXIT(0)");
  EXPECT_EQ(worker.page().numbers[2], 0);
  EXPECT_EQ(worker.page().numbers[3], 1);
  EXPECT_EQ(worker.page().numbers[4], 41);
  dlclose(handle);
}

TEST(CodeAddressTest, ARebuiltLibraryUnderTheSamePathIsRefused) {
  const std::string path =
      CopyFile(Plugin(1), absl::StrCat(testing::TempDir(), "/rebuilt.so"));
  void* const handle = dlopen(path.c_str(), RTLD_NOW);
  ASSERT_NE(handle, nullptr) << dlerror();
  const auto address = LocateCode(dlsym(handle, "CodeAddressPlugin"));
  const auto module = FindModule(address->module);
  ASSERT_TRUE(module.ok());
  dlclose(handle);
  ASSERT_TRUE(OpenModule(*module).ok());  // Stays loaded from here on.
  EXPECT_TRUE(ResolveCode(*address).ok());

  Module other = *module;
  other.id += 1;  // Another build's.
  const absl::Status status = OpenModule(other);
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_NE(std::string(status.message()).find(module->path),
            std::string::npos);
  other.path = "/no/such/file.so";
  EXPECT_TRUE(absl::IsFailedPrecondition(OpenModule(other)));
}

TEST(CodeAddressTest, WithoutABuildIdFileAndTextIdentifyAModule) {
  const std::string original = "./tests/native/code_address_plugin_no_id.so";
  void* const handle = dlopen(original.c_str(), RTLD_NOW);
  ASSERT_NE(handle, nullptr) << dlerror();
  const void* const code = dlsym(handle, "CodeAddressPlugin");
  const auto address = LocateCode(code);
  ASSERT_TRUE(address.ok());
  const auto module = FindModule(address->module);
  ASSERT_TRUE(module.ok());
  EXPECT_EQ(module->version.substr(0, 5), "file-") << module->version;
  EXPECT_EQ(*ResolveCode(*address), code);
  dlclose(handle);

  // The same bytes in another file are another module.
  const std::string copy =
      CopyFile(original, absl::StrCat(testing::TempDir(), "/no_id.so"));
  void* const other = dlopen(copy.c_str(), RTLD_NOW);
  ASSERT_NE(other, nullptr) << dlerror();
  const auto elsewhere = LocateCode(dlsym(other, "CodeAddressPlugin"));
  ASSERT_TRUE(elsewhere.ok());
  EXPECT_NE(elsewhere->module, address->module);
  dlclose(other);
}

TEST(CodeAddressTest, ARepeatedQuestionIsCheap) {
  const auto elapsed = [](const auto& ask) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 1000; ++i) ask();
    return (std::chrono::steady_clock::now() - start) / 1000;
  };
  void* const handle = dlopen(Plugin(1).c_str(), RTLD_NOW);
  const void* const plugin = dlsym(handle, "CodeAddressPlugin");
  const auto own =
      elapsed([] { ASSERT_TRUE(LocateCode(Address(&Twice)).ok()); });
  const auto theirs = elapsed([&] { ASSERT_TRUE(LocateCode(plugin).ok()); });
  const auto there = *LocateCode(plugin);
  const auto resolved = elapsed([&] { ASSERT_TRUE(ResolveCode(there).ok()); });
  for (const auto one : {own, theirs, resolved}) {
    RecordProperty("ns", absl::StrCat(one.count()));
    EXPECT_LT(one, std::chrono::microseconds(20));
  }
  dlclose(handle);
}

}  // namespace
}  // namespace joblib::native
