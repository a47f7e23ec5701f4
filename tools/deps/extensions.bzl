"""For MODULE.bazel: what is no module of the central registry's."""

load(":deps.bzl", "installed_libraries")
load(":npm.bzl", "bundler")

def _installed_impl(_ctx):
    installed_libraries()

installed = module_extension(implementation = _installed_impl)

def _test_tools_impl(_ctx):
    bundler()

test_tools = module_extension(implementation = _test_tools_impl)
