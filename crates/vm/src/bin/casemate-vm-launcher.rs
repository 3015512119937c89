//! What the tests start as launcher. It is not shipped: `casemate __machine` is.

fn main() -> std::process::ExitCode {
    casemate_vm::run_launcher_process()
}
