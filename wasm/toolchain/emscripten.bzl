"""A C++ toolchain around Debian's Emscripten 3.1.6 (/usr/bin/emcc), single-threaded or with pthreads.

emcc writes several files per program (JavaScript, .wasm, with pthreads a
.worker.js) where Bazel expects one, so emlink.sh packs them: an ordinary
cc_binary or cc_test becomes one self-extracting shell script that runs itself
under node, and a cc_binary with features = ["wasm_module"] one tar, which the
wasm_module rule (//wasm:module.bzl) unpacks. Nothing undeclared stays on disk:
sandbox and disk cache work as for any other action.
"""

load("@bazel_tools//tools/build_defs/cc:action_names.bzl", "ACTION_NAMES")
load(
    "@bazel_tools//tools/cpp:cc_toolchain_config_lib.bzl",
    "feature",
    "flag_group",
    "flag_set",
    "tool_path",
    "with_feature_set",
)

_COMPILE = [
    ACTION_NAMES.c_compile,
    ACTION_NAMES.cpp_compile,
    ACTION_NAMES.cpp_header_parsing,
    ACTION_NAMES.assemble,
    ACTION_NAMES.preprocess_assemble,
]
_LINK = [ACTION_NAMES.cpp_link_executable]

# Web Workers that a threaded program for node starts before main(), which runs
# on one of them: PROXY_TO_PTHREAD, so that it may block and start threads. A
# target asks for another number by linkopts = ["-sPTHREAD_POOL_SIZE=16"]: its
# own linkopts come later, and the last one counts. A thread beyond the pool
# starts too, only later: node's main thread is free to start its worker.
_THREAD_POOL_SIZE = 8

def _flags(actions, flags, with_features = []):
    return flag_set(
        actions = actions,
        flag_groups = [flag_group(flags = flags)],
        with_features = with_features,
    )

def _in_mode(mode):
    return [with_feature_set(features = [mode])]

# Optimized and without threads, for then a page has the whole of it to load:
# WebAssembly's own exceptions take a fifth less room than those in JavaScript,
# optimization over all files a tenth. Not with threads: there -fwasm-exceptions,
# with -flto or without, lets `...` alone catch anything (Emscripten 3.1.6, seen
# with a program of ten lines); -flto with -fexceptions catches as it should.
_SMALL_COMPILE = [
    "-fwasm-exceptions",
    "-flto",
    # What no one calls of a class goes, too; and no one waits for a static.
    "-fvisibility=hidden",
    "-fwhole-program-vtables",
    "-fvirtual-function-elimination",
    "-fno-threadsafe-statics",
]
_SMALL_LINK = ["-fwasm-exceptions", "-flto", "-Oz"]
_NOT_OPT = [with_feature_set(not_features = ["opt"])]

def _impl(ctx):
    threads = ctx.attr.threads
    if threads:
        both = ["-fexceptions", "-pthread"]
        compile_opt, link_opt = both, both + ["-O2"]
    else:
        both = ["-fexceptions"]
        compile_opt, link_opt = _SMALL_COMPILE, _SMALL_LINK
    if threads:
        node_program = [
            "-sENVIRONMENT=node,worker",
            "-sPROXY_TO_PTHREAD=1",
            "-sPTHREAD_POOL_SIZE=%d" % _THREAD_POOL_SIZE,
        ]
    else:
        node_program = ["-sENVIRONMENT=node"]
    features = [
        feature(name = "opt"),
        feature(name = "dbg"),
        feature(name = "fastbuild"),
        # cc_binary(features = ["wasm_module"]): an ES6 module for a page or a
        # Worker instead of a program for node.
        feature(name = "wasm_module"),
        feature(name = "emscripten_compile", enabled = True, flag_sets = [
            _flags(_COMPILE, both, _NOT_OPT),
            _flags(_COMPILE, compile_opt, _in_mode("opt")),
            _flags(_COMPILE, [
                "-Wno-unused-command-line-argument",
                "-Wno-builtin-macro-redefined",
            ]),
            _flags(_COMPILE, ["-O1"], _in_mode("fastbuild")),
            _flags(_COMPILE, ["-O2", "-DNDEBUG"], _in_mode("opt")),
            _flags(_COMPILE, ["-O0", "-g"], _in_mode("dbg")),
        ]),
        feature(name = "emscripten_link", enabled = True, flag_sets = [
            _flags(_LINK, both, _NOT_OPT),
            _flags(_LINK, link_opt, _in_mode("opt")),
            _flags(_LINK, [
                "-sALLOW_MEMORY_GROWTH=1",
                "-Wno-pthreads-mem-growth",
            ]),
            # The functions keep their names, for a readable stack trace.
            _flags(_LINK, ["-O1", "--profiling-funcs"], _in_mode("fastbuild")),
            _flags(_LINK, ["-O0", "-g", "-sASSERTIONS=1"], _in_mode("dbg")),
            _flags(
                _LINK,
                node_program + ["-sNODERAWFS=1", "-sEXIT_RUNTIME=1"],
                [with_feature_set(not_features = ["wasm_module"])],
            ),
            _flags(
                _LINK,
                [
                    "-sMODULARIZE=1",
                    "-sEXPORT_ES6=1",
                    "-sENVIRONMENT=web,worker",
                ],
                _in_mode("wasm_module"),
            ),
        ]),
        feature(name = "supports_start_end_lib", enabled = False),
        feature(name = "supports_dynamic_linker", enabled = False),
    ]
    driver = "emcc_threads.sh" if threads else "emcc.sh"
    return cc_common.create_cc_toolchain_config_info(
        ctx = ctx,
        features = features,
        toolchain_identifier = "emscripten",
        host_system_name = "linux",
        target_system_name = "wasm32-unknown-emscripten",
        target_cpu = "wasm32",
        target_libc = "musl",
        compiler = "emscripten",
        abi_version = "unknown",
        abi_libc_version = "unknown",
        cxx_builtin_include_directories = [
            "/usr/share/emscripten",
            "/usr/lib/llvm-14",
            "/usr/lib/clang",
        ],
        tool_paths = [
            tool_path(name = "gcc", path = driver),
            tool_path(name = "ld", path = driver),
            tool_path(name = "cpp", path = driver),
            tool_path(name = "ar", path = "emar.sh"),
        ] + [
            tool_path(name = name, path = "/bin/false")
            for name in ["nm", "objdump", "strip", "gcov"]
        ],
    )

_emscripten_config = rule(
    implementation = _impl,
    attrs = {"threads": attr.bool()},
    provides = [CcToolchainConfigInfo],
)

def emscripten_toolchain(name, threads):
    """Declares NAME_toolchain, for the platform with or without threads.

    Args:
      name: the prefix of all targets.
      threads: whether programs have pthreads.
    """
    _emscripten_config(name = name + "_config", threads = threads)
    driver = ["emcc.sh"] + (["emcc_threads.sh"] if threads else [])
    native.filegroup(name = name + "_driver", srcs = driver)
    native.filegroup(
        name = name + "_files",
        srcs = driver + ["emar.sh", "emlink.sh", "node.js"],
    )
    native.filegroup(name = name + "_ar", srcs = ["emar.sh"])
    native.filegroup(name = name + "_none")
    native.cc_toolchain(
        name = name + "_cc",
        all_files = name + "_files",
        ar_files = name + "_ar",
        as_files = name + "_driver",
        compiler_files = name + "_driver",
        dwp_files = name + "_none",
        linker_files = name + "_files",
        objcopy_files = name + "_none",
        strip_files = name + "_none",
        supports_param_files = 0,
        toolchain_config = name + "_config",
    )
    native.toolchain(
        name = name + "_toolchain",
        exec_compatible_with = ["@platforms//os:linux"],
        target_compatible_with = [
            "@platforms//cpu:wasm32",
            ":threads_on" if threads else ":threads_off",
        ],
        toolchain = name + "_cc",
        toolchain_type = "@bazel_tools//tools/cpp:toolchain_type",
    )
