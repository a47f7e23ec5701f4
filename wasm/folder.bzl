"""folder: files, and folders with all that is in them, in one folder."""

def _folder_impl(ctx):
    out = ctx.actions.declare_directory(ctx.label.name)
    ctx.actions.run_shell(
        inputs = ctx.files.srcs,
        outputs = [out],
        arguments = [out.path] + [file.path for file in ctx.files.srcs],
        command = 'out=$1; shift; cp -rL "$@" "$out"; chmod -R u+w "$out"',
        mnemonic = "Folder",
    )
    return [DefaultInfo(
        files = depset([out]),
        runfiles = ctx.runfiles([out]),
    )]

folder = rule(
    implementation = _folder_impl,
    attrs = {"srcs": attr.label_list(mandatory = True, allow_files = True)},
)
