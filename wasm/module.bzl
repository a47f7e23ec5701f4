"""joblib_wasm_module: C++ as an ES module for pages, with threads and without.

    load("@joblib//wasm:module.bzl", "NEEDS_WASM", "joblib_wasm_module")

    joblib_wasm_module(
        name = "digits",
        srcs = ["digits.cc"],  # Exports functions: wasm/bindings/module.h.
        deps = [":forest"],
    )

builds, whatever the build's own platform is, a folder for a web server:

    digits/digits.mjs, .d.mts     import load from './digits/digits.mjs'
    digits/host.mjs, explain.mjs  the Web Worker that holds the module
    digits/plain/, threads/       the module twice, optimized
    digits/package.json, README.md  `npm pack digits` makes a package of it
"""

# For a cc_library that only a module can hold: it includes module.h.
NEEDS_WASM = ["@platforms//cpu:wasm32"]

_PLATFORMS = "//command_line_option:platforms"
_COMPILATION_MODE = "//command_line_option:compilation_mode"

_COPT = "//command_line_option:copt"
_LINKOPT = "//command_line_option:linkopt"

def _ours(label):
    """A label of this repository, for strings that are read in the caller's."""
    return str(Label(label))

def module_settings(platform):
    """The settings of all that is linked into a page's module, for a transition.

    Args:
      platform: wasm32 or wasm32_threads.

    Returns:
      setting -> value: optimized, and without a sanitizer's flags, which are
      for the build's own platform.
    """

    # Without threads libraries are made small, for a page has them to load
    # before its work can start; what is that work has copts of its own, which
    # come later. emcc makes of -Oz that no function is inlined at all, not even
    # where a later -O2 is all that counts: larger and three times as slow.
    return {
        _COMPILATION_MODE: "opt",
        _COPT: (
            ["-Oz", "-finline-functions"] if platform == "wasm32" else []
        ),
        _LINKOPT: [],
        _PLATFORMS: _ours("//wasm/toolchain:" + platform),
    }

def _both_modules_impl(_settings, _attr):
    return {
        "plain": module_settings("wasm32"),
        "threads": module_settings("wasm32_threads"),
    }

_both_modules = transition(
    implementation = _both_modules_impl,
    inputs = [],
    outputs = module_settings("wasm32").keys(),
)

_PACKAGE = """{
  "name": "%s",
  "version": "%s",
  "type": "module",
  "sideEffects": false,
  "exports": {
    ".": {
      "types": "./%s.d.mts",
      "default": "./%s.mjs"
    },
    "./*": "./*"
  }
}
"""

def _module_folder_impl(ctx):
    folder = ctx.actions.declare_directory(ctx.label.name)
    name = ctx.label.name.split("/")[-1]
    commands = []
    inputs = []
    for variant, binary in ctx.split_attr.binary.items():
        tar = binary[DefaultInfo].files.to_list()[0]
        inputs.append(tar)
        commands.append("mkdir $1/{0} && tar -xf {1} -C $1/{0}".format(
            variant,
            tar.path,
        ))
    for file in ctx.files._javascript:
        inputs.append(file)
        target = file.basename.replace("loader.", name + ".")
        commands.append("cp {} $1/{}".format(file.path, target))
    package = ctx.actions.declare_file(name + ".package.json")
    ctx.actions.write(package, _PACKAGE % (
        ctx.attr.package or name,
        ctx.attr.version,
        name,
        name,
    ))
    inputs.append(package)
    commands.append("cp {} $1/package.json".format(package.path))
    readme = ctx.actions.declare_file(name + ".README.md")
    ctx.actions.expand_template(
        template = ctx.file._readme,
        output = readme,
        substitutions = {"FILE": name, "NAME": ctx.attr.package or name},
    )
    inputs.append(readme)
    commands.append("cp {} $1/README.md".format(readme.path))
    ctx.actions.run_shell(
        inputs = inputs,
        outputs = [folder],
        arguments = [folder.path],
        command = "set -e; " + "; ".join(commands),
        mnemonic = "WasmModule",
    )
    return [DefaultInfo(
        files = depset([folder]),
        runfiles = ctx.runfiles([folder]),
    )]

_module_folder = rule(
    implementation = _module_folder_impl,
    attrs = {
        "binary": attr.label(mandatory = True, cfg = _both_modules),
        "package": attr.string(),
        "version": attr.string(),
        "_javascript": attr.label_list(
            allow_files = True,
            default = [
                "//wasm/bindings:explain.mjs",
                "//wasm/bindings:host.mjs",
                "//wasm/bindings:loader.d.mts",
                "//wasm/bindings:loader.mjs",
            ],
        ),
        "_readme": attr.label(
            allow_single_file = True,
            default = "//wasm/bindings:package.md",
        ),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
)

def joblib_wasm_module(
        name,
        srcs = [],
        deps = [],
        copts = [],
        linkopts = [],
        package = "",
        version = "0.0.0",
        **kwargs):
    """Declares a page's module.

    Args:
      name: the folder, and the loader in it.
      srcs: C++ that exports functions, with EMSCRIPTEN_BINDINGS.
      deps: of srcs; //wasm/bindings:module comes by itself. A library that
        has EMSCRIPTEN_BINDINGS itself needs alwayslink = True.
      copts: for srcs, after -O2. Without threads a library in deps is compiled
        with -Oz: one that computes says copts = ["-O2"] itself.
      linkopts: of Emscripten, such as -sINITIAL_MEMORY=64MB.
      package: the name of the npm package, such as @you/digits; default: name.
      version: of the npm package.
      **kwargs: visibility, testonly, tags and the like.
    """
    binary = name + "_wasm/module"
    native.cc_binary(
        name = binary,
        srcs = srcs,
        copts = ["-O2"] + copts,
        features = ["wasm_module"],
        linkopts = [
            "--bind",
            # Runs under a content security policy without 'unsafe-eval'.
            "-sDYNAMIC_EXECUTION=0",
            "-sENVIRONMENT=worker",
            "-sFILESYSTEM=0",
        ] + select({
            # host.mjs sets it. A thread that is there when it is asked for is
            # the only one that can start while the host is busy.
            _ours("//wasm/toolchain:wasm_threads"): [
                "-sPTHREAD_POOL_SIZE=Module.poolSize",
            ],
            # Small, and fast enough where no two threads ask it at once.
            "//conditions:default": [
                "-sMALLOC=emmalloc",
                # What host.mjs gives, and nothing else.
                "-sINCOMING_MODULE_JS_API=[instantiateWasm,onAbort]",
            ],
        }) + linkopts,
        tags = ["manual"],
        target_compatible_with = NEEDS_WASM,
        testonly = kwargs.get("testonly", False),
        visibility = ["//visibility:private"],
        deps = deps + [_ours("//wasm/bindings:module")],
    )
    _module_folder(
        name = name,
        binary = binary,
        package = package,
        version = version,
        **kwargs
    )
