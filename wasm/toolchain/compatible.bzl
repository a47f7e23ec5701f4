"""Values of target_compatible_with: a target is skipped where it cannot run.

    load("//wasm/toolchain:compatible.bzl", "NEEDS_THREADS")
    cc_test(name = "thread_pool_test", target_compatible_with = NEEDS_THREADS, ...)
"""

# Not on wasm32: processes, mapped files, hwloc, scripts of the machine.
NEEDS_LINUX = ["@platforms//os:linux"]

# Everywhere but on wasm32 without threads.
NEEDS_THREADS = select({
    "//wasm/toolchain:wasm_one_thread": ["@platforms//:incompatible"],
    "//conditions:default": [],
})
