//! Generates `crates/wire/src/gen` from `proto/`, without protoc: the Rust code and the descriptor set
//! that reflection serves. What is generated is committed, so that nobody needs this to build.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use prost::Message;

/// The name of the committed descriptor set.
const DESCRIPTORS: &str = "ottla.v1.bin";

/// Generates everything and writes it where it is committed.
pub fn run(root: &Path) -> Result<()> {
    let directory = generated_directory(root);
    fs::create_dir_all(&directory)?;
    for (name, bytes) in generate(root)? {
        let path = directory.join(name);
        fs::write(&path, bytes).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

/// Where the generated files are committed.
pub fn generated_directory(root: &Path) -> PathBuf {
    root.join("crates/wire/src/gen")
}

/// What the generated files hold, by name.
pub fn generate(root: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let protos = root.join("proto");
    let descriptors = compile(&protos)?;
    let scratch = tempfile::tempdir()?;
    tonic_prost_build::configure()
        .bytes(".")
        .btree_map(".")
        .codec_path("crate::codec::Codec")
        .out_dir(scratch.path())
        .compile_fds(descriptors.clone())
        .context("generate code from the descriptors")?;
    let mut files = read_all(scratch.path())?;
    files.insert(DESCRIPTORS.to_owned(), descriptors.encode_to_vec());
    Ok(files)
}

fn compile(protos: &Path) -> Result<prost_types::FileDescriptorSet> {
    let mut compiler = protox::Compiler::new([protos])?;
    compiler.include_source_info(true).include_imports(true);
    for file in proto_files(&protos.join("ottla/v1"))? {
        compiler.open_file(&file).with_context(|| format!("compile {}", file.display()))?;
    }
    Ok(compiler.file_descriptor_set())
}

/// In the order of their names, so that the output does not depend on the file system.
fn proto_files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read_all(directory: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        files.insert(entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path())?);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_committed_is_what_the_protos_say() {
        let root = crate::root();
        for (name, bytes) in generate(&root).expect("the protos compile") {
            let path = generated_directory(&root).join(&name);
            let committed = fs::read(&path).unwrap_or_default();
            assert!(
                committed == bytes,
                "{name} is out of date; run `cargo run -p ottla-xtask -- generate`"
            );
        }
    }
}
