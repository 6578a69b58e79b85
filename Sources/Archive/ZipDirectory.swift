// SPDX-License-Identifier: Apache-2.0
//
// What a zip archive holds (PKWARE APPNOTE 6.3, sections 4.3.7, 4.3.12, 4.3.16).
//
// Reads   the directory at the archive's end, and the header before each member.
// Writes  a `ZipMember` for each file.
// Leaves  unpacking (PackedFile.swift); archives over several disks, ZIP64, encryption, other packings than deflate.

import Foundation

/// One file of an archive.
package struct ZipMember: Sendable, Equatable {
    package var name: String
    /// Where its packed octets begin, and how many there are.
    var offset: Int
    var packedCount: Int
    var plainCount: Int
    /// CRC-32 of the plain octets.
    var checksum: UInt32
    var isPacked: Bool
    /// Why it cannot be read, if so.
    package var refusal: String?
}

/// Why an archive cannot be read.
package struct ZipError: Error, Equatable {
    package var reason: String
}

package enum ZipDirectory {
    /// Members of an archive, at most; and octets of its directory.
    private static let membersMax = 10_000
    private static let directoryBytesMax = 16 << 20
    private static let endBytes = 22

    /// Whether a file begins as an archive does: with a member, or, without any, with the directory's end.
    package static func isArchive(_ path: String) -> Bool {
        guard let handle = FileHandle(forReadingAtPath: path) else { return false }
        defer { try? handle.close() }
        let head = (try? handle.read(upToCount: 4)).map { [UInt8]($0) } ?? []
        return head == [0x50, 0x4B, 3, 4] || head == [0x50, 0x4B, 5, 6]
    }

    /// The files of an archive in the order of its directory; folders are left out.
    package static func members(of path: String) throws(ZipError) -> [ZipMember] {
        guard let handle = FileHandle(forReadingAtPath: path), let end = try? handle.seekToEnd() else {
            throw ZipError(reason: "it cannot be read")
        }
        defer { try? handle.close() }
        let size = Int(end)
        // A comment of up to 65535 octets may follow the directory's end.
        let tailStart = max(0, size - endBytes - 65_535)
        let tail = try octets(handle, tailStart..<size)
        guard let place = lastEnd(tail) else {
            throw ZipError(reason: "the zip archive has no directory: it is half-written or cut")
        }
        let (count, directorySize) = (tail.number(place + 10, 2), tail.number(place + 12, 4))
        let start = tail.number(place + 16, 4)
        guard tail.number(place + 4, 4) == 0, count != 0xFFFF, start != 0xFFFF_FFFF else {
            throw ZipError(reason: "it is a zip archive of several disks, or ZIP64, which is not read")
        }
        guard count <= membersMax, directorySize <= directoryBytesMax else {
            throw ZipError(reason: "the zip archive has more than \(membersMax) members")
        }
        guard start + directorySize <= tailStart + place else {
            throw ZipError(reason: "the directory of the zip archive is damaged")
        }
        let directory = try octets(handle, start..<start + directorySize)
        var members: [ZipMember] = []
        var cursor = 0
        for _ in 0..<count {
            guard cursor + 46 <= directory.count, directory.number(cursor, 4) == 0x0201_4B50 else {
                throw ZipError(reason: "the directory of the zip archive is damaged")
            }
            let lengths = [28, 30, 32].map { directory.number(cursor + $0, 2) }
            guard cursor + 46 + lengths.reduce(0, +) <= directory.count else {
                throw ZipError(reason: "the directory of the zip archive is damaged")
            }
            let member = try member(directory, cursor, nameCount: lengths[0], handle, before: start)
            if !member.name.hasSuffix("/") { members.append(member) }
            cursor += 46 + lengths.reduce(0, +)
        }
        return members
    }

    /// The file of an archive that holds one, and that can be read.
    package static func onlyMember(of path: String) throws(ZipError) -> ZipMember {
        let members = try members(of: path)
        guard members.count == 1 else {
            throw ZipError(reason: "the zip archive holds \(members.count) files, of which one is wanted")
        }
        if let refusal = members[0].refusal { throw ZipError(reason: refusal) }
        return members[0]
    }

    /// Where the directory's end begins; nil where there is none.
    private static func lastEnd(_ tail: [UInt8]) -> Int? {
        guard tail.count >= endBytes else { return nil }
        for place in stride(from: tail.count - endBytes, through: 0, by: -1)
        where tail[place] == 0x50 && tail.number(place, 4) == 0x0605_4B50 {
            // What follows must be its comment and nothing else.
            if place + endBytes + tail.number(place + 20, 2) == tail.count { return place }
        }
        return nil
    }

    private static func member(
        _ directory: [UInt8], _ place: Int, nameCount: Int, _ handle: FileHandle, before limit: Int
    ) throws(ZipError) -> ZipMember {
        let name = directory[place + 46..<place + 46 + nameCount].map { $0 < 0x20 || $0 == 0x7F ? 0x3F : $0 }
        let method = directory.number(place + 10, 2)
        var member = ZipMember(
            name: String(decoding: name, as: UTF8.self), offset: 0, packedCount: directory.number(place + 20, 4),
            plainCount: directory.number(place + 24, 4),
            checksum: UInt32(truncatingIfNeeded: directory.number(place + 16, 4)), isPacked: method != 0)
        guard directory.number(place + 8, 2) & 1 == 0 else {
            member.refusal = "it is encrypted"
            return member
        }
        guard method == 0 || method == 8 else {
            member.refusal = "it is packed by method \(method), which is not read"
            return member
        }
        let header = directory.number(place + 42, 4)
        guard header + 30 <= limit else { throw ZipError(reason: "the directory of the zip archive is damaged") }
        let local = try octets(handle, header..<header + 30)
        guard local.number(0, 4) == 0x0403_4B50 else {
            throw ZipError(reason: "the directory of the zip archive points where no member is")
        }
        member.offset = header + 30 + local.number(26, 2) + local.number(28, 2)
        guard member.offset + member.packedCount <= limit, method == 8 || member.packedCount == member.plainCount
        else {
            throw ZipError(reason: "a member of the zip archive is longer than the archive")
        }
        return member
    }

    private static func octets(_ handle: FileHandle, _ range: Range<Int>) throws(ZipError) -> [UInt8] {
        do {
            try handle.seek(toOffset: UInt64(range.lowerBound))
            let data = try handle.read(upToCount: range.count) ?? Data()
            if data.count == range.count { return [UInt8](data) }
        } catch {}
        throw ZipError(reason: "it cannot be read to its end")
    }
}

extension [UInt8] {
    /// A little-endian number; the caller has seen that its octets are there.
    fileprivate func number(_ place: Int, _ count: Int) -> Int {
        (0..<count).reduce(0) { $0 | Int(self[place + $1]) << ($1 * 8) }
    }
}
