// RunSelf: the test's own executable as a child process, so that a whole
// program, from its static constructors to its end, is what is tested.
//
//   int main(int argc, char** argv) {
//     if (argc > 1 && std::string_view(argv[1]) == "--exit") return
//     AbandonOne();
//     ::testing::InitGoogleTest(&argc, argv);
//     ...
//   TEST(...) { EXPECT_EQ(RunSelf("--exit").output, "done\n"); }
//
// Linux only.
#ifndef JOBLIB_TESTS_TESTING_RUN_SELF_H_
#define JOBLIB_TESTS_TESTING_RUN_SELF_H_

#include <cstdio>
#include <filesystem>
#include <string>

namespace joblib::testing {

struct ProgramEnd {
  int exit_code = -1;  // -1: it was killed by `signal`, or never started.
  int signal = 0;
  std::string output;  // stdout and stderr.
};

// `before`: shell words before the program's name: "env A=1", "ulimit -u 3;".
inline ProgramEnd RunProgram(const std::string& program,
                             const std::string& arguments,
                             const std::string& before = "") {
  // A child that hangs is killed; the shell's own words go in between.
  const std::string command =
      before + " timeout -s KILL 120 '" + program + "' " + arguments + " 2>&1";
  ProgramEnd end;
  std::FILE* const child = popen(command.c_str(), "r");
  if (child == nullptr) return end;
  for (int c; (c = std::fgetc(child)) != EOF;) {
    end.output += static_cast<char>(c);
  }
  const int status = pclose(child);
  // As waitpid() encodes it; the shell tells of a signal by 128 + n.
  end.signal = status & 0x7f;
  const int code = (status >> 8) & 0xff;
  if (end.signal == 0 && code > 128) {
    end.signal = code - 128;
  } else if (end.signal == 0) {
    end.exit_code = code;
  }
  return end;
}

inline ProgramEnd RunSelf(const std::string& arguments,
                          const std::string& before = "") {
  return RunProgram(std::filesystem::read_symlink("/proc/self/exe"), arguments,
                    before);
}

}  // namespace joblib::testing

#endif  // JOBLIB_TESTS_TESTING_RUN_SELF_H_
