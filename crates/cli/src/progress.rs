use indicatif::{ProgressBar, ProgressStyle};

use crate::output::Output;

/// Shows how far a transfer is, on a terminal only.
pub(crate) fn bar(output: Output, label: &str, bytes: Option<u64>) -> ProgressBar {
    if !output.progress() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match bytes {
        Some(bytes) => (
            ProgressBar::new(bytes),
            "{msg} {bar:30} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} ETA {eta}",
        ),
        None => (ProgressBar::new_spinner(), "{msg} {spinner} {binary_bytes} {binary_bytes_per_sec}"),
    };
    let style = ProgressStyle::with_template(template).expect("the templates are good");
    bar.with_style(style).with_message(crate::escape::escaped_line(label))
}

/// Shows how far a copy of many files is, which are not counted yet, on a terminal only.
pub(crate) fn files(output: Output) -> ProgressBar {
    if !output.progress() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(
        "{bar:30} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} ETA {eta} {wide_msg}",
    );
    let bar = ProgressBar::new(0).with_style(style.expect("the template is good"));
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    bar
}
