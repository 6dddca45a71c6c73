//! Copies the built console to `$OUT_DIR/web`, or a placeholder page where it was not built.
//!
//! Node is not needed to build the server: without `dist` the page that is embedded names
//! the two commands that build the console, and the build warns once.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

const PLACEHOLDER: &str = include_str!("placeholder.html");

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=placeholder.html");
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("web");
    if out.exists() {
        fs::remove_dir_all(&out)?;
    }
    fs::create_dir_all(&out)?;

    let dist = here.join("dist");
    // Watching a missing path would run this script, and rebuild the server, at each build.
    // Where the folder cannot be made the price is only that.
    let _ = fs::create_dir(&dist);
    println!("cargo::rerun-if-changed={}", dist.display());
    println!("cargo::rustc-check-cfg=cfg(placeholder)");
    if dist.join("index.html").is_file() {
        copy(&dist, &out)
    } else {
        println!("cargo::warning=the web console is not built; a placeholder page is embedded");
        println!("cargo::rustc-cfg=placeholder");
        fs::write(out.join("index.html"), PLACEHOLDER)
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&target)?;
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
