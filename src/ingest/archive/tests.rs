use super::*;
use crate::base::{DefectKind, Defects};
use crate::ingest::Inflater;
use miniz_oxide::deflate::compress_to_vec;
use proptest::prelude::*;

/// A zip of these files, deflated where `deflate`.
fn zip_of(files: &[(&str, &[u8])], deflate: bool) -> Vec<u8> {
    let (mut out, mut list) = (Vec::new(), Vec::new());
    for (name, bytes) in files {
        let packed = if deflate {
            compress_to_vec(bytes, 6)
        } else {
            bytes.to_vec()
        };
        let at = u32::try_from(out.len()).unwrap();
        let name_len = u16::try_from(name.len()).unwrap();
        let mut common = Vec::new();
        common.extend(20u16.to_le_bytes());
        common.extend(0u16.to_le_bytes());
        common.extend((if deflate { 8u16 } else { 0 }).to_le_bytes());
        common.extend([0; 4]);
        common.extend(crc32fast::hash(bytes).to_le_bytes());
        common.extend(u32::try_from(packed.len()).unwrap().to_le_bytes());
        common.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
        common.extend(name_len.to_le_bytes());
        // The local header's extra field is longer than the list's, as Info-ZIP writes it.
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(4u16.to_le_bytes());
        out.extend(name.as_bytes());
        out.extend(*b"xx\0\0");
        out.extend(&packed);
        list.extend(b"PK\x01\x02");
        list.extend(20u16.to_le_bytes());
        list.extend(&common);
        list.extend([0; 12]);
        list.extend(at.to_le_bytes());
        list.extend(name.as_bytes());
    }
    let at = u32::try_from(out.len()).unwrap();
    out.extend(&list);
    out.extend(b"PK\x05\x06\0\0\0\0");
    let n = u16::try_from(files.len()).unwrap();
    out.extend(n.to_le_bytes());
    out.extend(n.to_le_bytes());
    out.extend(u32::try_from(list.len()).unwrap().to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0; 2]);
    out
}

fn tar_header(name: &str, size: usize, kind: u8) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..107].copy_from_slice(b"0000644");
    block[108..115].copy_from_slice(b"0001750");
    block[116..123].copy_from_slice(b"0001750");
    block[136..147].copy_from_slice(b"15067453211");
    block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    block[148..156].fill(b' ');
    block[156] = kind;
    block[257..263].copy_from_slice(b"ustar\0");
    let sum: u32 = block.iter().map(|&b| u32::from(b)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block
}

fn tar_entry(name: &str, bytes: &[u8], kind: u8) -> Vec<u8> {
    let mut out = tar_header(name, bytes.len(), kind);
    out.extend(bytes);
    out.resize(out.len().next_multiple_of(512), 0);
    out
}

fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out: Vec<u8> = files
        .iter()
        .flat_map(|(name, bytes)| tar_entry(name, bytes, b'0'))
        .collect();
    out.extend([0; 1024]);
    out
}

fn slice(file: &[u8], range: Range<u64>) -> &[u8] {
    let at = |n: u64| usize::try_from(n).unwrap().min(file.len());
    &file[at(range.start)..at(range.end)]
}

fn list(file: &[u8]) -> Result<Members, ArchiveError> {
    list_within(file, 40, u64::MAX)
}

/// With at most so many reads, and so many bytes together.
fn list_within(file: &[u8], reads: usize, mut bytes: u64) -> Result<Members, ArchiveError> {
    let mut listing = ZipListing::new(file.len() as u64);
    for _ in 0..reads {
        let wants = listing.wants();
        assert!(wants.end <= file.len() as u64, "{wants:?}");
        bytes = bytes.checked_sub(wants.end - wants.start).expect("few bytes");
        if let Some(members) = listing.feed(slice(file, wants))? {
            return Ok(members);
        }
    }
    panic!("a small archive takes few reads");
}

/// The same archive, whose list names only every `n`-th file.
fn with_list_of_each(n: usize, zip: &[u8]) -> Vec<u8> {
    let list_at = usize::try_from(u32_at_end(zip, 16)).unwrap();
    let list = &zip[list_at..zip.len() - 22];
    let starts: Vec<usize> = memchr::memmem::find_iter(list, b"PK\x01\x02")
        .chain([list.len()])
        .collect();
    let entries = starts.windows(2).step_by(n).map(|pair| &list[pair[0]..pair[1]]);
    let kept: Vec<u8> = entries.flatten().copied().collect();
    let mut end = zip[zip.len() - 22..].to_vec();
    end[12..16].copy_from_slice(&u32::try_from(kept.len()).unwrap().to_le_bytes());
    [&zip[..list_at], &kept, &end].concat()
}

#[test]
fn all_files_that_the_list_of_a_zip_does_not_name_are_found() {
    let names: Vec<String> = (0..300).map(|n| format!("rank{n}.json")).collect();
    let files: Vec<(&str, &[u8])> = names
        .iter()
        .map(|name| {
            (
                &**name,
                &b"[{\"ph\":\"X\"},{\"ph\":\"X\"},{\"ph\":\"X\"},{\"ph\":\"X\"},{\"ph\":\"X\"}]"[..],
            )
        })
        .collect();
    let zip = with_list_of_each(2, &zip_of(&files, false));
    let members = list_within(&zip, 2_000, 4 * zip.len() as u64).unwrap();
    assert_eq!(
        (members.list.len(), members.n_unlisted, members.n_not_searched),
        (300, 150, 0)
    );
    // Far behind what is no file; its header lies where two reads meet.
    for junk in [70_000, (256 << 10) - 10, 700_000] {
        let mut zip = vec![b'#'; junk];
        zip.extend(zip_of(&[("first.json", b"[]")], false));
        zip.extend(zip_of(&[("second.json", b"[]")], false));
        let members = list(&zip).unwrap();
        assert_eq!((members.list.len(), members.n_unlisted), (2, 1), "{junk}");
    }
}

#[test]
fn what_looks_like_files_everywhere_is_not_searched_without_end() {
    let mut fake = b"PK\x03\x04\x14\0\0\0\0\0".to_vec();
    fake.resize(30, 0);
    fake[26] = 1;
    fake.extend(b"n#");
    let mut zip = fake.repeat(40_000);
    zip.extend(zip_of(&[("last.json", b"[]")], false));
    let room = 9 * zip.len() as u64 + (5 << 20);
    let members = list_within(&zip, 100_000, room).unwrap();
    assert_eq!(members.n_not_searched, 1);
    assert!(members.list.iter().any(|member| member.path == "last.json"));
}

/// A member's bytes, and what was wrong with them.
fn read(file: &[u8], member: &Member) -> Result<(Vec<u8>, Defects), ArchiveError> {
    let parts = member.parts(slice(file, member.wants()))?;
    let (mut inflater, mut out) = (Inflater::default(), Vec::new());
    for part in [&parts.before[..], slice(file, parts.middle), &parts.after] {
        inflater.feed(part, &mut |piece| out.extend_from_slice(piece));
    }
    Ok((out, inflater.finish().0.defects))
}

const FILES: [(&str, &[u8]); 3] = [
    ("w0/OUT/trace.json", b"[{\"ph\":\"X\"}]"),
    ("w0/OUT/steps.csv", b"Step,Free\n1,2\n"),
    ("w1/empty", b""),
];

#[test]
fn a_member_of_a_zip_is_read_as_a_file() {
    for deflate in [false, true] {
        let mut file = zip_of(&FILES, deflate);
        for front in [0, 100] {
            // A program in front of the archive (self-extracting) shifts everything.
            file.splice(0..0, vec![b'#'; front]);
            let members = list(&file).unwrap();
            assert!(!members.ends_early);
            let got: Vec<(String, Vec<u8>)> = members
                .list
                .iter()
                .map(|m| {
                    let (bytes, defects) = read(&file, m).unwrap();
                    assert!(defects.is_empty(), "{} {deflate}", m.path);
                    assert_eq!(m.size, bytes.len() as u64);
                    (m.path.clone(), bytes)
                })
                .collect();
            let expected: Vec<_> = FILES.iter().map(|(n, b)| ((*n).to_owned(), b.to_vec())).collect();
            assert_eq!(got, expected);
        }
    }
}

#[test]
fn names_lead_nowhere() {
    let file = zip_of(
        &[
            ("../../etc/x", b"1"),
            ("/root\\y", b"2"),
            ("a/./b\u{1}", b"3"),
            ("folder/", b""),
        ],
        true,
    );
    let names: Vec<String> = list(&file).unwrap().list.into_iter().map(|m| m.path).collect();
    assert_eq!(names, ["etc/x", "root/y", "a/b·"]);
}

#[test]
fn a_zip_that_lies_about_its_size_is_counted_as_damaged() {
    let file = zip_of(&[("x", &[7; 5000])], true);
    let mut wrong = file.clone();
    let at = wrong.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    wrong[at + 24] ^= 1;
    let (bytes, defects) = read(&wrong, &list(&wrong).unwrap().list[0]).unwrap();
    assert_eq!(bytes, [7; 5000]);
    assert_eq!(defects.count(DefectKind::MemberChecksum), 1);
    // Its deflate data: a block of a type that does not exist.
    let mut wrong = file.clone();
    let from = 30 + 1 + 4;
    wrong[from] |= 6;
    let (_, defects) = read(&wrong, &list(&wrong).unwrap().list[0]).unwrap();
    assert!(
        defects
            .iter()
            .map(|d| (d.0, d.1))
            .eq([(DefectKind::CorruptMember, 1)]),
        "{defects:?}"
    );

    // Beyond the end.
    let mut wrong = file.clone();
    wrong[at + 22] = 0xff;
    let error = read(&wrong, &list(&wrong).unwrap().list[0]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "x cannot be read from the archive: it should lie beyond the end of the archive"
    );

    let mut locked = file.clone();
    locked[at + 8] |= 1;
    let error = read(&locked, &list(&locked).unwrap().list[0]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "x cannot be read from the archive: it is encrypted"
    );

    let cut = &file[..20];
    assert!(matches!(list(cut), Err(ArchiveError::NoDirectory { .. })));
}

/// A zip as it is written to a pipe: sizes behind each member, with or without a signature, of 4 or 8 bytes. And the
/// byte at which each member's data ends.
fn streamed_zip(files: &[(&str, &[u8])], deflate: bool, signed: bool, wide: bool) -> (Vec<u8>, Vec<usize>) {
    let (mut out, mut ends) = (Vec::new(), Vec::new());
    for (name, bytes) in files {
        let packed = match deflate {
            true => compress_to_vec(bytes, 6),
            false => bytes.to_vec(),
        };
        out.extend(b"PK\x03\x04\x14\0\x08\0");
        out.extend([if deflate { 8 } else { 0 }, 0]);
        out.extend([0; 16]);
        out.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        out.extend([0; 2]);
        out.extend(name.as_bytes());
        out.extend(&packed);
        ends.push(out.len());
        if signed {
            out.extend(b"PK\x07\x08");
        }
        out.extend(crc32fast::hash(bytes).to_le_bytes());
        for n in [packed.len(), bytes.len()] {
            match wide {
                true => out.extend((n as u64).to_le_bytes()),
                false => out.extend(u32::try_from(n).unwrap().to_le_bytes()),
            }
        }
    }
    (out, ends)
}

#[test]
fn a_zip_without_its_list_is_read_by_its_own_headers() {
    // More than one window, with what looks like signatures and does not compress.
    let mut big: Vec<u8> = (0u32..90_000)
        .flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    for at in (0..big.len() - 8).step_by(1_000) {
        big[at..at + 4].copy_from_slice([b"PK\x03\x04", b"PK\x07\x08"][at % 2_000 / 1_000]);
    }
    let files = [
        ("a/one.json", &big[..]),
        ("a/two.json", b"[{\"ph\":\"X\"}]"),
        ("b/three", &big[..70_000]),
    ];
    for deflate in [false, true] {
        let whole = zip_of(&files, deflate);
        let at = whole.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
        let mut zips = vec![
            (whole[..at].to_vec(), vec![at]),
            (whole[..at + 60].to_vec(), vec![at]),
        ];
        for signed in [false, true] {
            for wide in [false, true] {
                let (mut zip, ends) = streamed_zip(&files, deflate, signed, wide);
                // The end of a descriptor without a signature is where the next header starts.
                zip.extend(b"PK\x01\x02");
                zips.push((zip, ends));
            }
        }
        for (zip, ends) in zips {
            let members = list(&zip).unwrap();
            assert!(members.has_no_list && members.ends_early && members.cut.is_none());
            assert_eq!(members.list.len(), files.len());
            for (member, (name, bytes)) in members.list.iter().zip(files) {
                let (got, defects) = read(&zip, member).unwrap();
                assert_eq!((&*member.path, member.size), (name, bytes.len() as u64));
                assert!(got == bytes && defects.is_empty(), "{name} {deflate} {defects:?}");
            }
            // Cut in the last member: what there is of it is read, and the others are whole.
            let cut = &zip[..ends.last().unwrap() - 5_000];
            let members = list(cut).unwrap();
            assert_eq!(members.cut.as_deref(), Some("b/three"));
            for (member, (_, bytes)) in members.list.iter().zip(files) {
                let (got, defects) = read(cut, member).unwrap();
                let is_cut = member.path == "b/three";
                // A zip's member is cut, deflated or not, and no gzip.
                assert_eq!(defects.count(DefectKind::TruncatedMember), u64::from(is_cut));
                assert_eq!(defects.count(DefectKind::TruncatedGzip), 0);
                assert!(bytes.starts_with(&got) && is_cut == (got.len() < bytes.len()));
                assert!(got.len() > 30_000 || !is_cut, "{}", got.len());
            }
        }
    }
}

#[test]
fn a_zip_whose_list_is_not_where_it_says_is_read() {
    for deflate in [false, true] {
        let good = zip_of(&FILES, deflate);
        let end = good.len() - 22;
        let list_at = u32_at_end(&good, 16);
        let changed = |field: usize, value: u32| {
            let mut zip = good.clone();
            zip[end + field..end + field + 4].copy_from_slice(&value.to_le_bytes());
            zip
        };
        // The place: the list is where it ends, before the end record.
        for place in [0, 7, list_at - 1, list_at + 1, list_at + 4_000, u32::MAX - 1] {
            check_files(&changed(16, place), false);
        }
        // Bytes in front of the archive, not counted anywhere.
        let mut zip = b"PK\x03\x04 is no header here".to_vec();
        zip.extend(&good);
        check_files(&zip, false);
        // The length: members are found by their headers.
        for len in [1, 45, 1_000_000] {
            check_files(&changed(12, len), true);
        }
        // Its first entry.
        let mut zip = good.clone();
        zip[usize::try_from(list_at).unwrap()] = 0;
        check_files(&zip, true);
    }
}

fn u32_at_end(zip: &[u8], field: usize) -> u32 {
    let at = zip.len() - 22 + field;
    u32::from_le_bytes(zip[at..at + 4].try_into().unwrap())
}

fn check_files(zip: &[u8], has_no_list: bool) {
    let members = list(zip).unwrap();
    assert_eq!(
        (members.list.len(), members.has_no_list),
        (FILES.len(), has_no_list)
    );
    for (member, (name, bytes)) in members.list.iter().zip(FILES) {
        let (got, defects) = read(zip, member).unwrap();
        assert_eq!((&*member.path, &got[..]), (name, bytes));
        assert!(defects.is_empty(), "{defects:?}");
    }
}

#[test]
fn many_small_members_without_a_list_take_few_reads() {
    let names: Vec<String> = (0..5_000).map(|i| format!("d/{i}.json")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (&**name, &[b'x'; 200][..])).collect();
    let zip = zip_of(&files, false);
    let at = zip.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    let cut = &zip[..at];
    let mut listing = ZipListing::new(cut.len() as u64);
    let (mut n_reads, mut n_bytes) = (0, 0);
    let members = loop {
        let wants = listing.wants();
        n_reads += 1;
        n_bytes += wants.end - wants.start;
        if let Some(members) = listing.feed(slice(cut, wants)).unwrap() {
            break members;
        }
    };
    assert_eq!(members.list.len(), 5_000);
    assert!(
        n_reads < 10 && n_bytes < 2 * cut.len() as u64,
        "{n_reads} {n_bytes}"
    );
}

#[test]
fn zip64_offsets_are_followed() {
    let plain = zip_of(&[("big", b"hello")], false);
    let at = plain.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    let end = plain.len() - 22;
    let mut file = plain[..at].to_vec();
    let mut entry = plain[at..end].to_vec();
    for narrow in [20..24, 24..28, 42..46] {
        entry[narrow].fill(0xff);
    }
    entry[30] = 28;
    entry.extend([1, 0, 24, 0]);
    for wide in [5u64, 5, 0] {
        entry.extend(wide.to_le_bytes());
    }
    let list_at = file.len() as u64;
    file.extend(&entry);
    let end64_at = file.len() as u64;
    file.extend(b"PK\x06\x06");
    file.extend([0; 36]);
    file.extend((entry.len() as u64).to_le_bytes());
    file.extend(list_at.to_le_bytes());
    file.extend(b"PK\x06\x07\0\0\0\0");
    file.extend(end64_at.to_le_bytes());
    file.extend([1, 0, 0, 0]);
    file.extend(b"PK\x05\x06");
    file.extend([0xff; 16]);
    file.extend([0; 2]);
    let members = list(&file).unwrap();
    assert_eq!((members.list[0].path.as_str(), members.list[0].size), ("big", 5));
    assert_eq!(read(&file, &members.list[0]).unwrap().0, b"hello");
}

fn untar(pieces: std::slice::Chunks<'_, u8>) -> (Members, Vec<Vec<u8>>) {
    let (mut tar, mut bodies) = (Tar::default(), Vec::<Vec<u8>>::new());
    for piece in pieces {
        tar.feed(piece, &mut |i, _, bytes| {
            bodies.resize(bodies.len().max(i + 1), Vec::new());
            bodies[i].extend_from_slice(bytes);
        });
    }
    (tar.finish(), bodies)
}

#[test]
fn a_tar_gives_its_files_with_long_names() {
    let long = "f/".repeat(90) + "trace_view.json";
    let pax = |key: &str, value: &str| {
        let body = format!(" {key}={value}\n");
        let len = (1..)
            .find(|n: &usize| n.to_string().len() + body.len() == *n)
            .unwrap();
        format!("{len}{body}")
    };
    let mut file = tar_entry("folder/", b"", b'5');
    file.extend(tar_entry("././@LongLink", format!("{long}\0").as_bytes(), b'L'));
    file.extend(tar_entry("cut", b"one", b'0'));
    file.extend(tar_entry("pax", pax("path", &long).as_bytes(), b'x'));
    file.extend(tar_entry("cut", b"two", b'0'));
    file.extend(tar_entry("link", b"", b'2'));
    file.extend(tar_entry("plain", &[9; 700], b'0'));
    file.extend([0; 1024]);
    assert_eq!(kind(&file), Some(Kind::Tar));
    let (members, bodies) = untar(file.chunks(10_000));
    let names: Vec<&str> = members.list.iter().map(|m| &*m.path).collect();
    assert_eq!(names, [&long, &long, "plain"]);
    assert_eq!(bodies, [b"one".to_vec(), b"two".to_vec(), vec![9; 700]]);
    assert!(!members.ends_early);
    for (member, body) in members.list.iter().zip(&bodies) {
        assert_eq!(&read(&file, member).unwrap().0, body);
    }
}

#[test]
fn a_damaged_header_of_a_tar_costs_its_own_file() {
    let names = ["a.json", "b.json", "c.json"];
    // Zeros in a file are no end of the archive.
    let body = [&[b'x'; 900][..], &[0; 1200], &[b'y'; 10]].concat();
    let whole = tar_of(&names.map(|name| (name, &body[..])));
    let member = 512 + body.len().next_multiple_of(512);
    for damaged in 0..3 {
        let mut file = whole.clone();
        file[damaged * member + 20] ^= 1;
        for piece in [100, 512, 5_000, file.len()] {
            let (members, bodies) = untar(file.chunks(piece));
            let found: Vec<&str> = members.list.iter().map(|m| &*m.path).collect();
            let left: Vec<&str> = (0..3).filter(|&i| i != damaged).map(|i| names[i]).collect();
            assert_eq!(found, left);
            assert!(bodies.iter().all(|b| *b == body));
            assert!(members.has_damage && !members.ends_early && !members.has_no_end);
        }
    }
    // Cut between two files.
    for n in 1..=3 {
        let (members, _) = untar(whole[..n * member].chunks(700));
        assert_eq!(members.list.len(), n);
        assert!(members.has_no_end && !members.has_damage && !members.ends_early);
    }
    let (members, _) = untar(whole.chunks(700));
    assert!(!members.has_no_end && !members.has_damage);
}

#[test]
fn a_tar_whose_first_header_is_damaged_is_a_tar_and_its_other_files_are_read() {
    let long = vec![b'x'; 100_000];
    let header = |file: &mut [u8]| file[..512].to_vec();
    for first in [&b"[1]"[..], &long] {
        let mut whole = tar_of(&[
            ("rank0.json", first),
            ("rank1.json", b"[2]"),
            ("rank2.json", b"[3]"),
        ]);
        let of_first = header(&mut whole);
        let overwritten = |at: Range<usize>, byte: u8| {
            let mut file = whole.clone();
            file[at].fill(byte);
            file
        };
        let mut damaged: Vec<Vec<u8>> = (0..512)
            .map(|at| overwritten(at..at + 1, of_first[at] ^ 4))
            .collect();
        damaged.extend([overwritten(0..100, 0), overwritten(256..512, 0xff)]);
        let n_known = damaged.len();
        damaged.extend([
            overwritten(0..512, 0),
            overwritten(0..512, 0xff),
            overwritten(0..512, b'y'),
        ]);
        for (n, file) in damaged.iter().enumerate() {
            // Where next to nothing is left of it, the next one is seen if it is near.
            if n < n_known || first.len() < 10_000 {
                assert_eq!(kind(&file[..file.len().min(64 << 10)]), Some(Kind::Tar), "{n}");
            }
            let (members, _) = untar(file.chunks(700));
            let found: Vec<&str> = members.list.iter().map(|m| &*m.path).collect();
            assert_eq!(found, ["rank1.json", "rank2.json"], "{n}");
            assert!(members.has_damage && members.n_behind_end == 0, "{n}");
        }
    }
    for other in [
        &b"{\"traceEvents\":[]}"[..],
        &b"0000644 0000644 ".repeat(40)[..],
        &[0; 2_000],
        &[b'7'; 2_000],
    ] {
        assert_eq!(kind(other), None);
    }
}

#[test]
fn a_header_of_zeros_in_a_tar_is_damage_and_no_end() {
    let files: [(&str, &[u8]); 3] = [("a.json", b"[1]"), ("b.json", b"[2]"), ("c.json", b"[3]")];
    let whole = tar_of(&files);
    // More than its header: the end mark is as long.
    for zeros in [512, 520, 1024] {
        let mut file = whole.clone();
        file[1024..1024 + zeros].fill(0);
        let (members, _) = untar(file.chunks(700));
        let found: Vec<&str> = members.list.iter().map(|m| &*m.path).collect();
        assert_eq!(found, ["a.json", "c.json"]);
        // Nothing is left of the file where all of it is zeros: it may be the end of one archive.
        assert_eq!(members.has_damage, zeros < 515, "{zeros}");
    }
    let longer = tar_of(&[("a.json", b"[1]"), ("b.json", &[b'x'; 3_000]), ("c.json", b"[3]")]);
    for zeros in [512, 520, 1024, 2_048] {
        let mut file = longer.clone();
        file[1024..1024 + zeros].fill(0);
        let (members, _) = untar(file.chunks(700));
        assert_eq!(members.list.len(), 2);
        assert!(members.has_damage, "{zeros}");
    }
    let joined = [&whole[..], &whole].concat();
    let (members, _) = untar(joined.chunks(700));
    assert!(members.list.len() == 6 && members.n_behind_end == 3 && !members.has_damage);
}

#[test]
fn a_million_empty_files_are_counted_and_not_kept() {
    let one = tar_header("x", 0, b'0');
    let mut tar = Tar::default();
    for _ in 0..MAX_MEMBERS + 5 {
        tar.feed(&one, &mut |_, _, _| {});
    }
    let members = tar.finish();
    assert_eq!((members.list.len(), members.n_not_listed), (MAX_MEMBERS, 5));
}

proptest! {
    /// Cut anywhere, a bit turned anywhere: an answer or an error, and never more than the file holds.
    #[test]
    fn damage_never_breaks_the_reader(
        cut in 0usize..700,
        flip in 0usize..700,
        bit in 0u8..8,
        deflate in any::<bool>(),
    ) {
        let mut file = zip_of(&FILES, deflate);
        let n = file.len();
        file[flip % n] ^= 1 << bit;
        file.truncate(n.saturating_sub(cut % n));
        if let Ok(members) = list(&file) {
            for member in &members.list {
                drop(read(&file, member));
            }
        }
    }

    #[test]
    fn where_a_tar_is_cut_changes_nothing(
        piece in 1usize..900,
        keep in 0usize..6000,
        flip in proptest::option::of(0usize..6000),
    ) {
        let mut file = tar_of(&FILES);
        if let Some(flip) = flip {
            let n = file.len();
            file[flip % n] ^= 0x11;
        }
        file.truncate(keep);
        prop_assert_eq!(untar(file.chunks(piece)), untar(file.chunks(file.len().max(1))));
    }
}

#[test]
fn a_stored_member_is_checked_by_its_checksum() {
    check_stored(b"[{\"ph\":\"X\"}]");
    check_stored(&b"[{\"ph\":\"X\"}]".repeat(20_000));
}

fn check_stored(good: &[u8]) {
    let mut file = zip_of(&[("a.json", good), ("b.json", good)], false);
    let at = file.len() - file.windows(good.len()).rev().position(|w| w == good).unwrap() - good.len();
    file[at] = b'#';
    let members = list(&file).unwrap().list;
    assert_eq!(
        read(&file, &members[0]).unwrap(),
        (good.to_vec(), Defects::default())
    );
    let (bytes, defects) = read(&file, &members[1]).unwrap();
    assert_eq!(
        (bytes.len(), defects.count(DefectKind::MemberChecksum)),
        (good.len(), 1)
    );
}

#[test]
fn names_that_are_too_long_keep_their_end_or_are_counted() {
    let long = |n: usize| [b"x/".repeat(n), b"a.json".to_vec()].concat();
    let mut file = Vec::new();
    for n in [5_000, 100_000] {
        file.extend(tar_entry("longlink", &long(n), b'L'));
        file.extend(tar_entry("x/x", b"[]", b'0'));
    }
    file.extend(tar_entry("b.json", b"[]", b'0'));
    file.extend([0; 1024]);
    let mut tar = Tar::default();
    tar.feed(&file, &mut |_, _, _| {});
    let members = tar.finish();
    let names: Vec<&str> = members.list.iter().map(|member| &*member.path).collect();
    assert_eq!((names.len(), names[1], members.n_not_listed), (2, "b.json", 1));
    assert!(
        names[0].len() <= MAX_NAME_BYTES && names[0].ends_with("/a.json"),
        "{}",
        names[0].len()
    );
}
