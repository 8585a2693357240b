#!/usr/bin/env bash
# For a machine where `rustup target add wasm32-unknown-unknown` does not work: builds the standard library for
# wasm32 from Debian's Rust, whose compiler, cargo and source are of one version. As root, on Debian 12 or later.
# Links it as the toolchain "distro-wasm", which is then used for wasm builds only. Takes 2-4 min on two cores.
set -euo pipefail
target=wasm32-unknown-unknown

apt-get update -q
apt-get install -y --no-install-recommends rustc-web cargo-web rust-web-src
sysroot=$(/usr/bin/rustc --print sysroot)

# rustc calls its wasm linker rust-lld; LLVM's own lld of the same major version does for it.
llvm=$(/usr/bin/rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
apt-get install -y --no-install-recommends "lld-$llvm"
ln -sf "/usr/lib/llvm-$llvm/bin/lld" /usr/local/bin/rust-lld

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/seed/src"
: > "$work/seed/src/lib.rs"
printf '[package]\nname = "seed"\nversion = "0.0.0"\nedition = "2024"\n' > "$work/seed/Cargo.toml"
# An unstable flag, hence RUSTC_BOOTSTRAP: used here, once, and never in the project's own builds.
# With bitcode embedded, because a crate that is built with lto = true asks for it.
# `cargo xtask` passes on what rustup has set for its own toolchain, which must not reach this one.
cd "$work/seed"
env -u RUSTUP_TOOLCHAIN -u CARGO -u RUSTC_WRAPPER -u LD_LIBRARY_PATH \
  RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Cembed-bitcode=yes CARGO_TARGET_DIR="$work/out" \
  /usr/bin/cargo build --release -Zbuild-std=std,panic_abort,test,proc_macro --target "$target"

libraries=$sysroot/lib/rustlib/$target/lib
rm -rf "$libraries"
mkdir -p "$libraries"
find "$work/out/$target/release/deps" -name '*.rlib' ! -name 'libseed*' -exec cp {} "$libraries/" \;
rustup toolchain link distro-wasm /usr
