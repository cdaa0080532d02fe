use super::*;
use driver_interface_types::tar::{TarPart, TarReader};
use proptest::prelude::*;

const ROOT: Rights = Rights {
    mode: 0o644,
    uid: 0,
    gid: 0,
};

fn archive(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, content) in files {
        out.extend(file(name, ROOT, content.len() as u64));
        out.extend(content);
        out.resize(out.len().next_multiple_of(BLOCK), 0);
    }
    out.extend(ending(0));
    out
}

fn read(reader: &mut TarReader, files: &mut Vec<(String, Vec<u8>)>) {
    while let Some(part) = reader.next().unwrap() {
        match part {
            TarPart::Entry(entry) => files.push((entry.name, Vec::new())),
            TarPart::Data(data) => files.last_mut().unwrap().1.extend(data),
        }
    }
}

proptest! {
    #[test]
    fn archive_round_trips_at_any_chunking(
        files in prop::collection::vec(("[a-z]{1,40}(/[a-z]{1,90}){0,3}", prop::collection::vec(any::<u8>(), 0..1500)), 0..5),
        cuts in prop::collection::vec(1usize..700, 1..20),
    ) {
        let whole = archive(&files);
        let (mut reader, mut got, mut rest) = (TarReader::default(), Vec::new(), whole.as_slice());
        for cut in cuts.iter().cycle() {
            if rest.is_empty() { break }
            let (now, later) = rest.split_at((*cut).min(rest.len()));
            reader.push(now);
            read(&mut reader, &mut got);
            rest = later;
        }
        prop_assert!(reader.is_complete());
        prop_assert_eq!(got, files);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let mut reader = TarReader::default();
        reader.push(&bytes);
        while let Ok(Some(_)) = reader.next() {}
        let _ = reader.is_complete();
    }
}

#[test]
fn tar_crate_reads_our_archives() {
    let names = ["short".to_owned(), format!("{}/file", "long".repeat(40))];
    let files: Vec<_> = names
        .iter()
        .map(|name| (name.clone(), b"content".to_vec()))
        .collect();
    let whole = archive(&files);
    let mut theirs = ::tar::Archive::new(whole.as_slice());
    for (entry, (name, _)) in theirs.entries().unwrap().zip(&files) {
        let entry = entry.unwrap();
        assert_eq!(entry.path().unwrap().to_str().unwrap(), name);
        assert_eq!((entry.size(), entry.header().mode().unwrap()), (7, 0o644));
    }
}

#[test]
fn reads_pax_long_names() {
    let name = format!("{}/file", "long".repeat(40));
    let mut builder = ::tar::Builder::new(Vec::new());
    let mut header = ::tar::Header::new_ustar();
    header.set_size(2);
    builder
        .append_pax_extensions([("path", name.as_bytes()), ("size", b"2".as_slice())])
        .unwrap();
    header.set_path("cut").unwrap();
    header.set_cksum();
    builder.append(&header, b"hi".as_slice()).unwrap();
    let mut reader = TarReader::default();
    reader.push(&builder.into_inner().unwrap());
    let mut got = Vec::new();
    read(&mut reader, &mut got);
    assert_eq!(got, [(name, b"hi".to_vec())]);
}

#[test]
fn huge_size_round_trips_in_binary() {
    let head = file("big", ROOT, 10 << 30);
    let mut reader = TarReader::default();
    reader.push(&head);
    let Some(TarPart::Entry(entry)) = reader.next().unwrap() else {
        panic!("no entry");
    };
    assert_eq!(entry.size, 10 << 30);
    assert!(!reader.is_complete());
}

#[test]
fn rejects_invalid_archive() {
    let mut reader = TarReader::default();
    reader.push(&[b'x'; BLOCK]);
    assert!(reader.next().is_err());
}
