//! The `ottla` binary: the allocator and the command line, nothing else.

mod allocator;

fn main() -> std::process::ExitCode {
    allocator::keep_unused();
    ottla_cli::main()
}
