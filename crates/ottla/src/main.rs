//! The `ottla` binary: the allocator and the command line, nothing else.

// Under glibc every large message buffer is given back to the kernel and faulted in again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    ottla_cli::main()
}
