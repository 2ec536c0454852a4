//! Compiles `proto/` with `protox` and `prost-build`; needs no `protoc`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto/ecaptureq.proto");
    let descriptors = protox::compile(["proto/ecaptureq.proto"], ["proto"])?;
    prost_build::Config::new()
        .bytes(["."])
        .compile_fds(descriptors)?;
    Ok(())
}
