"""External repositories: pinned, and resolved offline on Debian 12 as well as online.

dep_archive takes the first of these that is there:
  1. Debian's source tarball in the folder that tools/setup.sh fills
     ($JOBLIB_DISTDIR, or joblib-distdir in $XDG_CACHE_HOME or ~/.cache),
     checked against debian_sha256;
  2. the headers that a Debian package installs: `system` maps a name in the
     repository to an absolute path. Each is linked on its own: were
     /usr/include as a whole on an include path, the WebAssembly compiler would
     take glibc's headers for its own. `system_sha256` pins the release by the
     header that names it;
  3. upstream's release, checked against sha256.
Debian's tarball may differ from upstream's in its bytes and its top folder,
hence the checksum and the prefix of its own; inside is the same release.
"""

def _distdir(ctx):
    env = ctx.os.environ
    if env.get("JOBLIB_DISTDIR"):
        return env["JOBLIB_DISTDIR"]
    cache = env.get("XDG_CACHE_HOME") or env.get("HOME", "") + "/.cache"
    return cache + "/joblib-distdir"

def _is_installed(ctx):
    """Whether the pinned release of `system` is on this machine."""
    if not ctx.attr.system:
        return False
    for path in ctx.attr.system.values():
        if not ctx.path(path).exists:
            return False
    for path, sha256 in ctx.attr.system_sha256.items():
        result = ctx.execute(["sha256sum", path])
        if result.stdout.split(" ")[0] != sha256:
            ctx.report_progress("%s is not of the pinned release" % path)
            return False
    return True

def _dep_archive_impl(ctx):
    debian = None
    if ctx.attr.debian_file:
        debian = ctx.path(_distdir(ctx) + "/" + ctx.attr.debian_file)
    if debian and debian.exists:
        ctx.download_and_extract(
            url = "file://" + str(debian),
            sha256 = ctx.attr.debian_sha256,
            stripPrefix = ctx.attr.debian_strip_prefix or ctx.attr.strip_prefix,
        )
    elif _is_installed(ctx):
        for name, path in ctx.attr.system.items():
            ctx.symlink(path, ctx.attr.system_prefix + name)
        ctx.file("WORKSPACE")
    elif ctx.attr.urls:
        ctx.report_progress("fetching upstream's release: tools/setup.sh did not lay it on this machine")
        ctx.download_and_extract(
            url = ctx.attr.urls,
            sha256 = ctx.attr.sha256,
            stripPrefix = ctx.attr.strip_prefix,
        )
    else:
        fail("%s: the pinned release is not on this machine: run tools/setup.sh" % ctx.name)
    if ctx.attr.build_file:
        ctx.symlink(ctx.attr.build_file, "BUILD.bazel")

dep_archive = repository_rule(
    implementation = _dep_archive_impl,
    attrs = {
        "urls": attr.string_list(),
        "sha256": attr.string(),
        "strip_prefix": attr.string(),
        "debian_file": attr.string(),
        "debian_sha256": attr.string(),
        "debian_strip_prefix": attr.string(),
        "system": attr.string_dict(),
        "system_prefix": attr.string(),
        "system_sha256": attr.string_dict(),
        "build_file": attr.label(allow_single_file = True),
    },
    environ = ["JOBLIB_DISTDIR", "XDG_CACHE_HOME", "HOME"],
)

def _stub_impl(ctx):
    ctx.file("WORKSPACE")
    for path, content in ctx.attr.files.items():
        ctx.file(path, content)

stub_repository = repository_rule(
    implementation = _stub_impl,
    attrs = {"files": attr.string_dict()},
)

_RULES_CC = "".join(["%s = native.%s\n" % (rule, rule) for rule in [
    "cc_library",
    "cc_binary",
    "cc_test",
    "cc_import",
    "cc_proto_library",
    "cc_toolchain",
    "cc_toolchain_suite",
    "cc_toolchain_alias",
    "fdo_profile",
    "fdo_prefetch_hints",
    "objc_library",
]])

_COVERAGE_TOOLS = """\
package(default_visibility = ["//visibility:public"])
filegroup(name = "coverage_report_generator")
filegroup(name = "Main")
"""

def bazel_builtin_repositories():
    """What Bazel 4.2, Debian 12's, would otherwise fetch for itself.

    rules_cc: its rules are Bazel's native ones anyway, and Debian's package of
    it is too new for Debian's Bazel. remote_coverage_tools: unused Java. The
    others: Debian's packages, held at what Bazel 4.2 itself was built with.
    """
    stub_repository(
        name = "rules_cc",
        files = {
            "BUILD.bazel": "",
            "cc/BUILD.bazel": "",
            "cc/defs.bzl": _RULES_CC,
        },
    )
    stub_repository(
        name = "remote_coverage_tools",
        files = {"BUILD.bazel": _COVERAGE_TOOLS},
    )
    dep_archive(
        name = "rules_java",
        system = {
            name: "/usr/share/bazel/rules/java/" + name
            for name in ["BUILD", "java"]
        },
        urls = ["https://github.com/bazelbuild/rules_java/archive/7cf3cefd652008d0a64a419c34c13bdca6c8f178.zip"],
        sha256 = "bc81f1ba47ef5cc68ad32225c3d0e70b8c6f6077663835438da8d5733f917598",
        strip_prefix = "rules_java-7cf3cefd652008d0a64a419c34c13bdca6c8f178",
    )
    dep_archive(
        name = "bazel_skylib",
        system = {
            name: "/usr/share/bazel/tools/skylib/" + name
            for name in ["BUILD", "bzl_library.bzl", "lib", "lib.bzl", "rules", "toolchains"]
        },
        urls = ["https://github.com/bazelbuild/bazel-skylib/releases/download/1.0.3/bazel-skylib-1.0.3.tar.gz"],
        sha256 = "1c531376ac7e5a180e0237938a2536de0c54d93f5c278634818e0efc952dd56c",
    )
    dep_archive(
        name = "platforms",
        system = {
            name: "/usr/share/bazel/tools/platforms/" + name
            for name in ["BUILD", "cpu", "os"]
        },
        urls = ["https://github.com/bazelbuild/platforms/releases/download/0.0.4/platforms-0.0.4.tar.gz"],
        sha256 = "079945598e4b6cc075846f7fd6a9d0857c33a7afc0de868c2ccb96405225135d",
    )

def cc_dependencies():
    """The C++ libraries.

    Held back, all of them, to what Debian 12's archive carries: the build has
    to resolve offline from there, and its Bazel 4.2 and Emscripten 3.1.6
    (libc++ 14) are of the same age. Newer Abseil and GoogleTest want a newer
    Bazel too.
    """
    dep_archive(
        name = "com_google_absl",
        urls = ["https://github.com/abseil/abseil-cpp/archive/refs/tags/20220623.1.tar.gz"],
        sha256 = "91ac87d30cc6d79f9ab974c51874a704de9c2647c40f6932597329a282217ba8",
        strip_prefix = "abseil-cpp-20220623.1",
        debian_file = "abseil_20220623.1.orig.tar.gz",
        debian_sha256 = "abfe2897f3a30edaa74bc34365afe3c2a3cd012091a97dc7e008f7016adcd5fe",
        debian_strip_prefix = "abseil-20220623.1",
    )
    dep_archive(
        name = "com_google_googletest",
        urls = ["https://github.com/google/googletest/archive/refs/tags/release-1.12.1.tar.gz"],
        sha256 = "81964fe578e9bd7c94dfdb09c8e4d6e6759e19967e397dbea48d1c10e45d0df2",
        strip_prefix = "googletest-release-1.12.1",
        debian_file = "googletest_1.12.1.orig.tar.gz",
        debian_sha256 = "81964fe578e9bd7c94dfdb09c8e4d6e6759e19967e397dbea48d1c10e45d0df2",
    )
    dep_archive(
        name = "com_github_google_benchmark",
        urls = ["https://github.com/google/benchmark/archive/refs/tags/v1.7.1.tar.gz"],
        sha256 = "6430e4092653380d9dc4ccb45a1e2dc9259d581f4866dc0759713126056bc1d7",
        strip_prefix = "benchmark-1.7.1",
        debian_file = "benchmark_1.7.1.orig.tar.gz",
        debian_sha256 = "6430e4092653380d9dc4ccb45a1e2dc9259d581f4866dc0759713126056bc1d7",
    )
    installed_libraries()

def installed_libraries():
    """Headers and libraries of this machine's; MODULE.bazel has them, too."""

    # Header-only: 1.3.2 and 3.4.0 are upstream's latest, too.
    dep_archive(
        name = "cereal",
        system = {
            "cereal": "/usr/include/cereal",
            "rapidjson": "/usr/include/rapidjson",
        },
        system_prefix = "include/",
        system_sha256 = {
            "/usr/include/cereal/version.hpp": "5a6959e7c2a3e54589826af1db079ad72258e5a77cd353658b7d232f7fa5b9f7",
        },
        urls = ["https://github.com/USCiLab/cereal/archive/refs/tags/v1.3.2.tar.gz"],
        sha256 = "16a7ad9b31ba5880dac55d62b5d6f243c3ebc8d46a3514149e56b5e7ea81f85f",
        strip_prefix = "cereal-1.3.2",
        build_file = Label("//tools/deps:cereal.BUILD"),
    )
    dep_archive(
        name = "eigen",
        system = {
            "Eigen": "/usr/include/eigen3/Eigen",
            "unsupported": "/usr/include/eigen3/unsupported",
        },
        system_sha256 = {
            "/usr/include/eigen3/Eigen/src/Core/util/Macros.h": "277c9111da0aa9892ea25db516b5bb5fe15bb6233926a0b32fe85c83646a4e81",
        },
        urls = ["https://gitlab.com/libeigen/eigen/-/archive/3.4.0/eigen-3.4.0.tar.gz"],
        sha256 = "8586084f71f9bde545ee7fa6d00288b264a2b7ac3607b974e54d13e7162c1c72",
        strip_prefix = "eigen-3.4.0",
        build_file = Label("//tools/deps:eigen.BUILD"),
    )

    # Installed libraries, native only: the headers are linked one by one, the
    # linker finds the rest. hwloc 2.9.0, oneTBB 2021.8.0.
    dep_archive(
        name = "hwloc",
        system = {
            "hwloc": "/usr/include/hwloc",
            "hwloc.h": "/usr/include/hwloc.h",
        },
        system_prefix = "include/",
        system_sha256 = {
            "/usr/include/hwloc.h": "2ce75b1944e234e8f52a8a7e816679112eeec9ce841ff24ce36cdc87a8547157",
        },
        build_file = Label("//tools/deps:hwloc.BUILD"),
    )
    dep_archive(
        name = "tbb",
        system = {
            "oneapi": "/usr/include/oneapi",
            "tbb": "/usr/include/tbb",
        },
        system_prefix = "include/",
        system_sha256 = {
            "/usr/include/oneapi/tbb/version.h": "5eeb332fe3a7ba17e23f648123c80340bf4b4f6ebc4c2b81c7494dfc69426455",
        },
        build_file = Label("//tools/deps:tbb.BUILD"),
    )

def joblib_dependencies():
    """All that a WORKSPACE needs for @joblib, its own as well as others'."""
    bazel_builtin_repositories()
    cc_dependencies()
    native.register_toolchains(
        "@joblib//wasm/toolchain:wasm32_toolchain",
        "@joblib//wasm/toolchain:wasm32_threads_toolchain",
    )
