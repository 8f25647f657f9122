//! Compressed streams in any chunks, whole and damaged.

use std::io::Write;

use bytes::Bytes;

use super::{CHUNK, Damage, Decompressor};

const SUFFIXES: [&str; 4] = ["x", "x.gz", "x.zst", "x.BZ2"];

fn compress(path: &str, text: &[u8]) -> Vec<u8> {
    match path {
        "x.gz" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        }
        "x.zst" => {
            let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
            encoder.include_checksum(true).unwrap();
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        }
        "x.BZ2" => {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        }
        _ => text.to_vec(),
    }
}

fn sample() -> Vec<u8> {
    (0..60_000u64).flat_map(|i| format!("{}\n", i.wrapping_mul(0x9E37_79B9_7F4A_7C15)).into_bytes()).collect()
}

/// All bytes that come out, and how it ended.
fn decompress(path: &str, compressed: &[u8], chunk: usize) -> (Vec<u8>, Result<(), Damage>) {
    let mut decompressor = Decompressor::new(path);
    let mut out = Vec::new();
    for part in compressed.chunks(chunk) {
        match decompressor.push(Bytes::copy_from_slice(part)) {
            Ok(chunks) => {
                assert!(path == "x" || chunks.iter().all(|chunk| chunk.len() <= CHUNK));
                out.extend(chunks.into_iter().flatten());
            }
            Err(damage) => return (out, Err(damage)),
        }
    }
    (out, decompressor.finish())
}

#[test]
fn streams_come_out_as_they_went_in() {
    let text = sample();
    for path in SUFFIXES {
        let compressed = compress(path, &text);
        for chunk in [777, 64 << 10, compressed.len()] {
            let (out, end) = decompress(path, &compressed, chunk);
            assert!(out == text, "{path} in chunks of {chunk}");
            assert_eq!(end, Ok(()), "{path}");
        }
        assert_eq!(decompress(path, &[], 1), (Vec::new(), Ok(())), "{path}, no byte at all");
        assert_eq!(decompress(path, &compress(path, b""), 1), (Vec::new(), Ok(())), "{path}, an empty member");
    }
}

#[test]
fn members_one_after_the_other_are_one_stream() {
    for path in SUFFIXES {
        let mut compressed = compress(path, b"first\n");
        compressed.extend(compress(path, b""));
        compressed.extend(compress(path, b"second\n"));
        for chunk in [1, 5, compressed.len()] {
            assert_eq!(decompress(path, &compressed, chunk), (b"first\nsecond\n".to_vec(), Ok(())), "{path}");
        }
    }
}

#[test]
fn a_truncated_stream_keeps_what_came_before() {
    let text = sample();
    for path in &SUFFIXES[1..] {
        let compressed = compress(path, &text);
        let cut = compressed.len() - 9;
        for chunk in [4096, cut] {
            let (out, end) = decompress(path, &compressed[..cut], chunk);
            assert!(text.starts_with(&out), "{path}");
            assert_eq!(end.unwrap_err().offset, cut as u64, "{path}");
        }
        assert!(decompress(path, &compressed[..3], 3).1.is_err(), "{path}");
    }
}

#[test]
fn corrupt_bytes_are_damage_and_damage_stays() {
    let text = sample();
    for path in &SUFFIXES[1..] {
        let mut compressed = compress(path, &text);
        let middle = compressed.len() / 2;
        compressed[middle..middle + 64].fill(0xA5);
        let (_, end) = decompress(path, &compressed, 10_000);
        let damage = end.unwrap_err();
        assert!(damage.offset > 0 && damage.offset <= compressed.len() as u64, "{path}: {damage}");
        let mut decompressor = Decompressor::new(path);
        assert_eq!(decompressor.push(Bytes::from_static(b"not compressed at all")), Ok(Vec::new()), "{path}");
        let damage = decompressor.push(Bytes::from_static(b"more")).unwrap_err();
        assert_eq!(decompressor.finish(), Err(damage), "{path}");
    }
}

#[test]
fn gzip_may_be_padded_with_zeros_only() {
    let mut compressed = compress("x.gz", b"text");
    compressed.extend([0; 600]);
    for chunk in [1, 100, 4096] {
        assert_eq!(decompress("x.gz", &compressed, chunk), (b"text".to_vec(), Ok(())));
    }
    compressed.push(7);
    let (out, end) = decompress("x.gz", &compressed, 4096);
    assert_eq!(out, b"text");
    assert!(end.unwrap_err().reason.contains("padding"));
}
