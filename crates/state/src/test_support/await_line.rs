use std::io::{BufRead, BufReader, Read};

/// Reads the log of a server that was just started until it says `ready`, and goes on reading it beside.
///
/// # Panics
/// If the log ends before: the server did not start. `hint` and what it said are in the message.
pub(super) fn await_line(log: impl Read + Send + 'static, ready: &str, hint: &str) {
    let mut log = BufReader::new(log);
    let mut seen = String::new();
    loop {
        let mut line = String::new();
        let length = log.read_line(&mut line).expect("the server's log");
        assert!(length > 0, "the server did not start ({hint}): {seen}");
        if line.contains(ready) {
            break;
        }
        seen.push_str(&line);
    }
    // Somebody must go on reading, or the server stands still when the pipe is full. Ends with the server.
    std::thread::spawn(move || {
        let mut rest = [0; 4096];
        while log.read(&mut rest).is_ok_and(|length| length > 0) {}
    });
}
