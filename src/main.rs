//! The command line of homeroom.

fn main() -> std::process::ExitCode {
    homeroom::verbs::main()
}
