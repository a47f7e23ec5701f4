#!/bin/bash
# Links into a folder, then packs what emcc left there into the one file that
# Bazel expects (see emscripten.bzl): for an ES6 module a tar, else a shell
# script that unpacks itself and runs under node.
set -euo pipefail
args=("$@") out="" module=""
for i in "${!args[@]}"; do
  case "${args[$i]}" in
    -o)
      at=$((i + 1))
      out=${args[$at]}
      ;;
    -sMODULARIZE=1) module=1 ;;
  esac
done
dir="$out.files" base=$(basename "$out")
rm -rf "$dir"
mkdir "$dir"
if [ -n "$module" ]; then
  args[at]="$dir/$base.mjs"
else
  args[at]="$dir/$base.js"
  args+=(--pre-js "${0%/*}/node.js")
fi
/usr/bin/emcc "${args[@]}"
pack=(tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0)
pack+=(-C "$dir" -c .)
if [ -n "$module" ]; then
  "${pack[@]}" >"$out"
else
  {
    cat <<END
#!/bin/sh
# A WebAssembly program and its JavaScript, packed: unpacks itself and runs
# under \$NODE, /usr/bin/node, or the node on PATH.
dir=\$(mktemp -d "\${TEST_TMPDIR:-\${TMPDIR:-/tmp}}/wasm.XXXXXX") || exit 1
trap 'rm -rf "\$dir"' EXIT
sed '1,/^__END__\$/d' "\$0" | tar -x -C "\$dir" || exit 1
node=/usr/bin/node
[ -x "\$node" ] || node=node
"\${NODE:-\$node}" "\$dir/$base.js" "\$@"
exit \$?
__END__
END
    "${pack[@]}"
  } >"$out"
fi
chmod +x "$out"
rm -rf "$dir"
