//! Writing gzip (RFC 1952) as a stream.

use std::io::{self, Write};

use miniz_oxide::deflate::core::{CompressorOxide, create_comp_flags_from_zip_params};
use miniz_oxide::deflate::stream::deflate;
use miniz_oxide::{MZFlush, MZStatus};

/// Compresses what is written to it. [`Gzip::finish`] ends the stream; without it the file is cut short.
pub struct Gzip<W: Write> {
    out: W,
    compressor: Box<CompressorOxide>,
    buffer: Vec<u8>,
    crc: crc32fast::Hasher,
    /// Input so far, modulo 2^32, as the trailer states it.
    length: u32,
}

impl<W: Write> Gzip<W> {
    /// Writes the header. `level` as in zlib, 1 to 9.
    pub fn new(mut out: W, level: u8) -> io::Result<Gzip<W>> {
        // Magic, deflate, no flags, no time, no hint, unknown system.
        out.write_all(&[0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255])?;
        // Raw deflate: a window size below zero means no zlib header.
        let flags = create_comp_flags_from_zip_params(i32::from(level), -15, 0);
        Ok(Gzip {
            out,
            compressor: Box::new(CompressorOxide::new(flags)),
            buffer: vec![0; 64 << 10],
            crc: crc32fast::Hasher::new(),
            length: 0,
        })
    }

    fn push(&mut self, mut input: &[u8], flush: MZFlush) -> io::Result<()> {
        loop {
            let step = deflate(&mut self.compressor, input, &mut self.buffer, flush);
            self.out.write_all(&self.buffer[..step.bytes_written])?;
            input = &input[step.bytes_consumed..];
            match step.status {
                Ok(MZStatus::StreamEnd) => return Ok(()),
                Ok(_) if input.is_empty() && flush == MZFlush::None => return Ok(()),
                Ok(_) => {}
                Err(error) => return Err(io::Error::other(format!("deflate failed: {error:?}"))),
            }
        }
    }

    /// Ends the stream with its checksum and length.
    pub fn finish(mut self) -> io::Result<W> {
        self.push(&[], MZFlush::Finish)?;
        let crc = self.crc.finalize();
        self.out.write_all(&crc.to_le_bytes())?;
        self.out.write_all(&self.length.to_le_bytes())?;
        self.out.flush()?;
        Ok(self.out)
    }
}

impl<W: Write> Write for Gzip<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !bytes.is_empty() {
            self.crc.update(bytes);
            let added = u32::try_from(bytes.len() as u64 & 0xFFFF_FFFF).unwrap_or(0);
            self.length = self.length.wrapping_add(added);
            self.push(bytes, MZFlush::None)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compressed_comes_back() {
        let text: Vec<u8> = (0..300_000u32).flat_map(|n| n.to_string().into_bytes()).collect();
        let mut gzip = Gzip::new(Vec::new(), 1).unwrap();
        for part in text.chunks(70_001) {
            gzip.write_all(part).unwrap();
        }
        let packed = gzip.finish().unwrap();
        assert!(packed.len() < text.len() / 2);
        let (body, trailer) = packed[10..].split_at(packed.len() - 18);
        assert_eq!(
            miniz_oxide::inflate::decompress_to_vec(body).unwrap(),
            text,
            "deflate stream"
        );
        assert_eq!(trailer[..4], crc32fast::hash(&text).to_le_bytes());
        assert_eq!(trailer[4..], u32::try_from(text.len()).unwrap().to_le_bytes());
    }
}
