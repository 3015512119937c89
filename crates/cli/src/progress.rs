use indicatif::{ProgressBar, ProgressStyle};

use crate::output::Output;

/// Shows how far a transfer is, on a terminal only.
pub(crate) fn bar(output: Output, label: &str, bytes: Option<u64>) -> ProgressBar {
    if !output.talk_on_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match bytes {
        Some(bytes) => (
            ProgressBar::new(bytes),
            "{msg} {bar:30} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec}, {eta} left",
        ),
        None => (ProgressBar::new_spinner(), "{msg} {spinner} {decimal_bytes} {decimal_bytes_per_sec}"),
    };
    let style = ProgressStyle::with_template(template).expect("the templates are good");
    bar.with_style(style).with_message(crate::escape::escaped_line(label))
}

/// Shows that something is under way whose size is not known, on a terminal only.
pub(crate) fn spinner(output: Output, label: &str) -> ProgressBar {
    if !output.talk_on_terminal() {
        return ProgressBar::hidden();
    }
    let spinner = ProgressBar::new_spinner().with_message(crate::escape::escaped_line(label));
    spinner.enable_steady_tick(std::time::Duration::from_millis(120));
    spinner
}
