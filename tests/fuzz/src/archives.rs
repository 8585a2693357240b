//! Small archives: what lies in them may be a link, or nothing that can be read.

use super::gzipped;

/// What is packed under a name.
pub struct Packed<'a> {
    pub name: &'a str,
    pub bytes: &'a [u8],
    pub kind: Kind<'a>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind<'a> {
    File,
    Symlink(&'a str),
    HardLink(&'a str),
    /// Encrypted in a zip, sparse in a tar.
    Unreadable,
    /// Its local header in a zip is none; the rest of a tar of another volume.
    Broken,
}

impl<'a> Packed<'a> {
    pub fn files(files: &[(&'a str, &'a [u8])]) -> Vec<Packed<'a>> {
        let file = |&(name, bytes): &(&'a str, &'a [u8])| Packed {
            name,
            bytes,
            kind: Kind::File,
        };
        files.iter().map(file).collect()
    }
}

/// A tar of these. POSIX ustar (IEEE 1003.1, `pax`): name at 0, size at 124, sum at 148, kind at 156, link at 157.
pub fn tar_of(files: &[Packed]) -> Vec<u8> {
    let mut out = Vec::new();
    for Packed { name, bytes, kind } in files {
        let (letter, to, bytes) = match kind {
            Kind::File => (b'0', "", *bytes),
            Kind::Symlink(to) => (b'2', *to, &[][..]),
            Kind::HardLink(to) => (b'1', *to, &[][..]),
            Kind::Unreadable => (b'S', "", *bytes),
            Kind::Broken => (b'M', "", *bytes),
        };
        let mut block = vec![0u8; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..135].copy_from_slice(format!("{:011o}", bytes.len()).as_bytes());
        block[148..156].fill(b' ');
        block[156] = letter;
        block[157..157 + to.len()].copy_from_slice(to.as_bytes());
        block[257..263].copy_from_slice(b"ustar\0");
        let sum: u32 = block.iter().map(|&b| u32::from(b)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        out.extend(block);
        out.extend(bytes);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.extend([0; 1024]);
    out
}

/// A zip of these, each deflated: the body of a gzip member is that. APPNOTE 6.3.10, 4.3.7, 4.3.12 and 4.3.16.
pub fn zip_of(files: &[Packed]) -> Vec<u8> {
    let (mut out, mut list) = (Vec::new(), Vec::new());
    let len = |n: usize| u32::try_from(n).expect("fuzzed files are small").to_le_bytes();
    for Packed { name, bytes, kind } in files {
        let bytes = match kind {
            Kind::Symlink(to) | Kind::HardLink(to) => to.as_bytes(),
            _ => bytes,
        };
        let packed = gzipped(bytes);
        let (body, tail) = packed[10..].split_at(packed.len() - 18);
        let mut common = vec![20, 0, u8::from(*kind == Kind::Unreadable), 0, 8, 0, 0, 0, 0, 0];
        common.extend(&tail[..4]);
        common.extend(len(body.len()));
        common.extend(len(bytes.len()));
        common.extend(&len(name.len())[..2]);
        // S_IFLNK in the upper half of the attributes, made on Unix (3).
        let (made_on, mode) = match kind {
            Kind::Symlink(_) | Kind::HardLink(_) => (3, 0o120_777u16),
            _ => (0, 0),
        };
        list.extend([b'P', b'K', 1, 2, 20, made_on]);
        list.extend(&common);
        list.extend([0; 10]);
        list.extend(mode.to_le_bytes());
        list.extend(len(out.len()));
        list.extend(name.as_bytes());
        out.extend(if *kind == Kind::Broken {
            b"PK??"
        } else {
            b"PK\x03\x04"
        });
        out.extend(&common);
        out.extend([0; 2]);
        out.extend(name.as_bytes());
        out.extend(body);
    }
    let (at, n) = (out.len(), len(files.len()));
    out.extend(&list);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend([n[0], n[1], n[0], n[1]]);
    out.extend(len(list.len()));
    out.extend(len(at));
    out.extend([0; 2]);
    out
}
