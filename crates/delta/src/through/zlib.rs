//! Stock zlib, raw deflate: the one place that calls C.
#![allow(unsafe_code, reason = "zlib is C, and no safe wrapper of its stock form can set the memory level")]

use std::ffi::c_int;

use libz_sys as z;

/// Bytes of output between two looks at it.
const STEP_BYTES: u32 = 32 << 10;

/// What decides the bytes that zlib's deflate makes of a plaintext.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) level: u8,
    pub(crate) memory: u8,
    pub(crate) window_bits: u8,
    pub(crate) strategy: u8,
}

impl Settings {
    /// Two bytes that say them all.
    pub(crate) fn to_bytes(self) -> [u8; 2] {
        [self.level << 4 | self.memory, self.window_bits << 4 | self.strategy]
    }

    /// The settings that two bytes say, if zlib knows them.
    pub(crate) fn from_bytes(bytes: [u8; 2]) -> Option<Self> {
        let [one, two] = bytes;
        let settings = Self { level: one >> 4, memory: one & 15, window_bits: two >> 4, strategy: two & 15 };
        let known = (1..=9).contains(&settings.level)
            && (1..=9).contains(&settings.memory)
            && (9..=15).contains(&settings.window_bits)
            && settings.strategy <= 4;
        known.then_some(settings)
    }
}

/// A compressor that is set up once and used for many streams.
pub(crate) struct Deflater {
    settings: Settings,
    stream: Box<std::mem::MaybeUninit<z::z_stream>>,
    step: Vec<u8>,
}

impl Deflater {
    /// A compressor of these settings; none if zlib has no memory for it.
    pub(crate) fn new(settings: Settings) -> Option<Self> {
        let mut stream = Box::new(std::mem::MaybeUninit::<z::z_stream>::zeroed());
        // SAFETY: the stream is zeroed, which asks zlib for its own allocator; it is boxed, so that the address that
        // zlib remembers stays; version and size are those of the headers that the bindings were made from.
        let status = unsafe {
            z::deflateInit2_(
                stream.as_mut_ptr(),
                c_int::from(settings.level),
                z::Z_DEFLATED,
                -c_int::from(settings.window_bits),
                c_int::from(settings.memory),
                c_int::from(settings.strategy),
                z::zlibVersion(),
                STREAM_BYTES,
            )
        };
        (status == z::Z_OK).then(|| Self { settings, stream, step: vec![0; STEP_BYTES as usize] })
    }

    /// What this compressor was set up with.
    pub(crate) fn settings(&self) -> Settings {
        self.settings
    }

    /// Compresses `plain` as one stream, hands it to `look` step by step, and stops early when that says false.
    /// Whether the stream came to its end.
    pub(crate) fn deflate(&mut self, plain: &[u8], mut look: impl FnMut(&[u8]) -> bool) -> bool {
        let Ok(plain_bytes) = u32::try_from(plain.len()) else { return false };
        let stream = self.stream.as_mut_ptr();
        // SAFETY: `new` set the stream up, and only `drop` ends it.
        if unsafe { z::deflateReset(stream) } != z::Z_OK {
            return false;
        }
        // SAFETY: the stream is valid as above; zlib only reads from `next_in`, and `plain` outlives this call.
        unsafe {
            (*stream).next_in = plain.as_ptr().cast_mut();
            (*stream).avail_in = plain_bytes;
        }
        loop {
            // SAFETY: the stream is valid; `step` has STEP_BYTES bytes and is not touched while zlib writes.
            let (status, left) = unsafe {
                (*stream).next_out = self.step.as_mut_ptr();
                (*stream).avail_out = STEP_BYTES;
                (z::deflate(stream, z::Z_FINISH), (*stream).avail_out)
            };
            let wanted = look(&self.step[..(STEP_BYTES - left) as usize]);
            match status {
                z::Z_STREAM_END => return wanted,
                z::Z_OK if wanted => {}
                _ => return false,
            }
        }
    }
}

impl Drop for Deflater {
    fn drop(&mut self) {
        // SAFETY: `new` set the stream up, and nothing uses it afterwards.
        unsafe { z::deflateEnd(self.stream.as_mut_ptr()) };
    }
}

/// Inflates one raw stream that ends exactly where `stream` does; none if it does not, or holds more than `max` bytes.
/// `expected` saves copies if it is right.
pub(crate) fn inflate(stream: &[u8], expected: usize, max: usize) -> Option<Vec<u8>> {
    let mut inflater = Inflater::new(stream)?;
    // Deflate holds 1032 bytes in one at most, so that a lie about the size costs little.
    let first = expected.min(stream.len().saturating_mul(1032)).min(max).saturating_add(1);
    let mut plain = vec![0; first];
    let mut length = 0;
    loop {
        let (done, written) = inflater.step(&mut plain[length..])?;
        length += written;
        if length > max {
            return None;
        }
        if done {
            plain.truncate(length);
            return inflater.is_at_the_end().then_some(plain);
        }
        if length < plain.len() {
            return None;
        }
        plain.resize(plain.len().saturating_mul(2).min(max.saturating_add(1)).max(length + 1), 0);
    }
}

/// A decompressor of one stream.
struct Inflater<'a> {
    stream: Box<std::mem::MaybeUninit<z::z_stream>>,
    /// What is inflated: zlib holds a pointer into it.
    _source: std::marker::PhantomData<&'a [u8]>,
}

impl<'a> Inflater<'a> {
    fn new(source: &'a [u8]) -> Option<Self> {
        let source_bytes = u32::try_from(source.len()).ok()?;
        let mut stream = Box::new(std::mem::MaybeUninit::<z::z_stream>::zeroed());
        // SAFETY: as for `Deflater::new`.
        let status = unsafe { z::inflateInit2_(stream.as_mut_ptr(), -15, z::zlibVersion(), STREAM_BYTES) };
        if status != z::Z_OK {
            return None;
        }
        // SAFETY: the stream was set up just now; zlib only reads from `next_in`, and `'a` keeps the source alive.
        unsafe {
            (*stream.as_mut_ptr()).next_in = source.as_ptr().cast_mut();
            (*stream.as_mut_ptr()).avail_in = source_bytes;
        }
        Some(Self { stream, _source: std::marker::PhantomData })
    }

    /// Inflates into `out`: whether the stream came to its end, and how many bytes were written; none if it is damaged.
    fn step(&mut self, out: &mut [u8]) -> Option<(bool, usize)> {
        let room = u32::try_from(out.len()).unwrap_or(u32::MAX);
        let stream = self.stream.as_mut_ptr();
        // SAFETY: the stream is valid since `new`; zlib writes at most `room` bytes, which `out` has.
        let (status, left) = unsafe {
            (*stream).next_out = out.as_mut_ptr();
            (*stream).avail_out = room;
            (z::inflate(stream, z::Z_NO_FLUSH), (*stream).avail_out)
        };
        let written = (room - left) as usize;
        match status {
            z::Z_STREAM_END => Some((true, written)),
            z::Z_OK => Some((false, written)),
            z::Z_BUF_ERROR if out.is_empty() => Some((false, 0)),
            _ => None,
        }
    }

    /// Whether zlib has taken every byte of the source.
    fn is_at_the_end(&mut self) -> bool {
        // SAFETY: the stream is valid since `new`.
        unsafe { (*self.stream.as_mut_ptr()).avail_in == 0 }
    }
}

impl Drop for Inflater<'_> {
    fn drop(&mut self) {
        // SAFETY: `new` set the stream up, and nothing uses it afterwards.
        unsafe { z::inflateEnd(self.stream.as_mut_ptr()) };
    }
}

/// The size of zlib's stream as the bindings know it; zlib refuses another.
#[expect(clippy::cast_possible_truncation, reason = "a hundred bytes or so")]
const STREAM_BYTES: c_int = size_of::<z::z_stream>() as c_int;
