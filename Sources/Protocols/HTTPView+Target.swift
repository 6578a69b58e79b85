// SPDX-License-Identifier: Apache-2.0
//
// A request's target as `http.uri` shows it: parts, percent-decoding, dot segments.
//
// Reads   the target as it was sent (RFC 3986, RFC 9112 section 3.2).
// Writes  the normalised form, appended to an array.
// Leaves  what a rule makes of it.

import Records
import Wire

/// The parts of a target; absent ones are nil.
struct HTTPTarget {
    var host: Range<Int>?
    var path: Range<Int>?
    var query: Range<Int>?
    var fragment: Range<Int>?

    /// Splits a target in origin or absolute form. An authority is looked for only behind a scheme.
    init(_ bytes: RawSpan) {
        let count = bytes.byteCount
        var at = 0
        if count > 0, bytes.octet(0) != 0x2F, let colon = bytes.firstIndex(of: 0x3A), colon > 0,
            bytes.begins(with: "//", at: colon &+ 1)
        {
            at = colon &+ 3
            let start = at
            while at < count, !HTTPTarget.endsAuthority(bytes.octet(at)) { at &+= 1 }
            var host = start..<at
            if let sign = bytes.extracting(0..<at).firstIndex(of: 0x40, from: start) { host = sign &+ 1 ..< at }
            self.host = host
        }
        if at < count, bytes.octet(at) != 0x3F, bytes.octet(at) != 0x23 {
            let start = at
            while at < count, bytes.octet(at) != 0x3F, bytes.octet(at) != 0x23 { at &+= 1 }
            path = start..<at
        }
        if at < count, bytes.octet(at) == 0x3F {
            let start = at &+ 1
            while at < count, bytes.octet(at) != 0x23 { at &+= 1 }
            query = start..<at
        }
        if at < count, bytes.octet(at) == 0x23 { fragment = at &+ 1 ..< count }
    }

    private static func endsAuthority(_ octet: UInt8) -> Bool { octet == 0x2F || octet == 0x3F || octet == 0x23 }

    /// Appends path, query and fragment: the path decoded, with its segments folded; the
    /// query decoded once; the fragment as it is.
    func writeNormalised(_ bytes: RawSpan, to target: inout [UInt8]) {
        if let path {
            let start = target.count
            HTTPTarget.decode(bytes.extracting(path), isPath: true, to: &target)
            HTTPTarget.removeDotSegments(&target, from: start)
        }
        if let query {
            target.append(0x3F)
            HTTPTarget.decode(bytes.extracting(query), isPath: false, to: &target)
        }
        if let fragment {
            target.append(0x23)
            bytes.extracting(fragment).append(to: &target)
        }
    }

    /// Percent-decodes once, `%uXXXX` too; what is no escape stays. In a path backslashes
    /// become slashes and several slashes one.
    static func decode(_ bytes: RawSpan, isPath: Bool, to target: inout [UInt8]) {
        var at = 0
        let start = target.count
        while at < bytes.byteCount {
            var octet = bytes.octet(at)
            at &+= 1
            if octet == 0x25 {
                if let value = HTTPTarget.pair(bytes, at) {
                    octet = value
                    at &+= 2
                } else if at < bytes.byteCount, bytes.octet(at) | 0x20 == 0x75,
                    let high = HTTPTarget.pair(bytes, at &+ 1), let low = HTTPTarget.pair(bytes, at &+ 3)
                {
                    octet = high == 0 ? low : HTTPTarget.nearest(high, low)
                    at &+= 5
                }
            }
            if isPath {
                if octet == 0x5C { octet = 0x2F }
                if octet == 0x2F, target.count > start, target[target.count &- 1] == 0x2F { continue }
            }
            target.append(octet)
        }
    }

    private static func pair(_ bytes: RawSpan, _ at: Int) -> UInt8? {
        guard at &+ 1 < bytes.byteCount, let high = HTTPOctets.hexadecimal(bytes.octet(at)),
            let low = HTTPOctets.hexadecimal(bytes.octet(at &+ 1))
        else { return nil }
        return high << 4 | low
    }

    /// The ASCII octet that a full-width form (U+FF01 to U+FF5E) stands for; `?` for all else.
    private static func nearest(_ high: UInt8, _ low: UInt8) -> UInt8 {
        high == 0xFF && (0x01...0x5E).contains(low) ? low &+ 0x20 : 0x3F
    }

    /// RFC 3986 section 5.2.4, in place, on what stands behind `start`.
    static func removeDotSegments(_ path: inout [UInt8], from start: Int) {
        guard path.count > start else { return }
        var read = start
        var write = start
        let end = path.count
        func isEnd(_ place: Int) -> Bool { place == end || path[place] == 0x2F }
        // A relative path: `./` and `../` at its head go.
        while read < end, path[read] == 0x2E {
            if read &+ 1 < end, path[read &+ 1] == 0x2F {
                read &+= 2
            } else if read &+ 2 < end, path[read &+ 1] == 0x2E, path[read &+ 2] == 0x2F {
                read &+= 3
            } else {
                break
            }
        }
        while read < end {
            if path[read] == 0x2F, read &+ 1 < end, path[read &+ 1] == 0x2E {
                if isEnd(read &+ 2) {
                    // `/./` is `/`.
                    read &+= 2
                    if read == end { path[write] = 0x2F; write &+= 1 }
                    continue
                }
                if path[read &+ 2] == 0x2E, isEnd(read &+ 3) {
                    // `/x/../` is `/`.
                    while write > start {
                        write &-= 1
                        if path[write] == 0x2F { break }
                    }
                    read &+= 3
                    if read == end { path[write] = 0x2F; write &+= 1 }
                    continue
                }
            }
            path[write] = path[read]
            write &+= 1
            read &+= 1
        }
        path.removeSubrange(write...)
    }
}
