// SPDX-License-Identifier: Apache-2.0
//
// Where a value is among all indicators, at a cost that does not depend on their number.
//
// Reads   the sets of all feeds.
// Writes  nothing: an index is made once and then shared.
// Leaves  which values of a record are looked for (IndicatorColumns.swift).

import Records

/// An indicator that was found: which set, which row.
package struct IndicatorHit: Sendable, Hashable {
    package var set: UInt32
    package var row: UInt32
}

/// All indicators by their values. Open addressing over 64-bit hashes; a filter of one bit a value stands before it,
/// small enough for the cache, and most questions end there. Names and the hosts of URLs have one bit more for their
/// last two labels, so that of most names no more is read than these. A hit is compared octet by octet.
package final class IndicatorIndex: Sendable {
    package let sets: [IndicatorSet]
    /// Hash of the value and its kind; 0 is a free place.
    private let hashes: [UInt64]
    private let hits: [IndicatorHit]
    private let filter: [UInt64]
    private let mask: Int
    private let filterShift: UInt64
    /// Feeds cannot make values share a place without it.
    private let seed: UInt64
    /// Kinds that there are indicators of.
    private let present: UInt64
    /// Lengths of networks over the 128-bit form, the longest first.
    private let networkBits: [Int]

    package init(_ sets: [IndicatorSet]) {
        self.sets = sets
        let count = sets.reduce(0) { $0 + $1.count }
        var capacity = 16
        while capacity < count &* 2 { capacity &*= 2 }
        var bits = 1024
        while bits < count &* 16, bits < 1 << 27 { bits &*= 2 }
        let seed = UInt64.random(in: 0 ... .max)
        var hashes = [UInt64](repeating: 0, count: capacity)
        var hits = [IndicatorHit](repeating: IndicatorHit(set: 0, row: 0), count: capacity)
        var filter = [UInt64](repeating: 0, count: bits / 64)
        let filterShift = UInt64(64 - bits.trailingZeroBitCount)
        var present: UInt64 = 0
        var lengths: Set<Int> = []
        var digests: Set<Int> = []
        for (number, set) in sets.enumerated() {
            for (place, row) in set.rows.enumerated() {
                present |= 1 << UInt64(row.kind.rawValue)
                if row.kind == .network { lengths.insert(Int(set.value(row).last ?? 128)) }
                if row.kind == .file || row.kind == .certificate { digests.insert(Int(row.count)) }
                let value = set.value(row)
                let hash = IndicatorIndex.hash(value, row.kind, seed)
                filter[Int(hash >> filterShift) >> 6] |= 1 << ((hash >> filterShift) & 63)
                if let end = IndicatorIndex.end(of: value, row.kind, seed) {
                    filter[Int(end >> filterShift) >> 6] |= 1 << ((end >> filterShift) & 63)
                }
                var slot = Int(truncatingIfNeeded: hash) & (capacity - 1)
                var isDouble = false
                while hashes[slot] != 0, !isDouble {
                    // A list of the same value over and over would make one long chain.
                    isDouble = hashes[slot] == hash && hits[slot].set == UInt32(number)
                        && set.isSame(row, set.rows[Int(hits[slot].row)])
                    slot = (slot &+ 1) & (capacity - 1)
                }
                if isDouble { continue }
                hashes[slot] = hash
                hits[slot] = IndicatorHit(set: UInt32(number), row: UInt32(place))
            }
        }
        (self.hashes, self.hits, self.filter, self.seed, self.present) = (hashes, hits, filter, seed, present)
        self.filterShift = filterShift
        mask = capacity - 1
        networkBits = lengths.sorted(by: >)
        digestByteCounts = digests
    }

    package var count: Int { sets.reduce(0) { $0 + $1.count } }

    /// Indicators that their feeds are less sure of than `confidence`, from 0 to 100.
    package func count(below confidence: Int) -> Int {
        sets.reduce(0) { sum, set in
            sum + set.rows.reduce(0) { $0 + (Int($1.confidence) < confidence ? 1 : 0) }
        }
    }

    /// Octets of the digests of files and certificates among them: 16, 20, 32.
    package let digestByteCounts: Set<Int>

    /// Whether there are indicators of a kind; where there are none nothing need be asked.
    package func has(_ kind: IndicatorKind) -> Bool { present & (1 << UInt64(kind.rawValue)) != 0 }
    package func hasAny(_ kinds: [IndicatorKind]) -> Bool { kinds.contains(where: has) }

    func row(_ hit: IndicatorHit) -> IndicatorRow { sets[Int(hit.set)].rows[Int(hit.row)] }
    func value(_ hit: IndicatorHit) -> ArraySlice<UInt8> { sets[Int(hit.set)].value(row(hit)) }
    func set(_ hit: IndicatorHit) -> IndicatorSet { sets[Int(hit.set)] }

    // MARK: hashing

    /// From the end to the start, so that all suffixes of a name are hashed in one walk. Never 0.
    static func hash(_ value: ArraySlice<UInt8>, _ kind: IndicatorKind, _ seed: UInt64) -> UInt64 {
        var hash = seed
        for octet in value.reversed() { hash = step(hash, octet) }
        return finish(hash, kind)
    }

    /// The number that the ends of names are hashed with, and that of hosts of URLs: no kind has it.
    private static let nameEnd: UInt8 = 62
    private static let hostEnd: UInt8 = 63

    /// Of a name, or of the host of a URL, the hash of its end; nil for other kinds.
    private static func end(of value: ArraySlice<UInt8>, _ kind: IndicatorKind, _ seed: UInt64) -> UInt64? {
        switch kind {
        case .domain, .hostname: end(value.span, value.count, nameEnd, seed)
        case .url: end(value.span, (value.firstIndex(of: 0x2F) ?? value.endIndex) - value.startIndex, hostEnd, seed)
        default: nil
        }
    }

    /// The hash of the last two labels of the first `count` octets; of all of them where there are fewer.
    @inline(__always)
    private static func end(_ name: Span<UInt8>, _ count: Int, _ number: UInt8, _ seed: UInt64) -> UInt64 {
        var hash = seed
        var dots = 0
        var place = count
        while place > 0 {
            place &-= 1
            let octet = IndicatorForm.lowered(name[place])
            if octet == 0x2E {
                dots &+= 1
                if dots == 2 { break }
            }
            hash = step(hash, octet)
        }
        return finish(hash, number)
    }

    @inline(__always) private static func step(_ hash: UInt64, _ octet: UInt8) -> UInt64 {
        let next = (hash ^ UInt64(octet)) &* 0x9E37_79B9_7F4A_7C15
        return next ^ next >> 29
    }

    @inline(__always) private static func finish(_ hash: UInt64, _ kind: IndicatorKind) -> UInt64 {
        finish(hash, kind.rawValue)
    }

    @inline(__always) private static func finish(_ hash: UInt64, _ number: UInt8) -> UInt64 {
        var end = (hash ^ UInt64(number &+ 1)) &* 0xBF58_476D_1CE4_E5B9
        end ^= end >> 32
        end &*= 0x94D0_49BB_1331_11EB
        end ^= end >> 31
        return end == 0 ? 1 : end
    }

    /// Whether a value of this hash may be there.
    @inline(__always) private func mayHave(_ hash: UInt64) -> Bool {
        filter[Int(hash >> filterShift) >> 6] & (1 << ((hash >> filterShift) & 63)) != 0
    }

    private func collect(
        _ hash: UInt64, _ isSame: (ArraySlice<UInt8>) -> Bool, _ kind: IndicatorKind, _ found: inout [IndicatorHit]
    ) {
        var slot = Int(truncatingIfNeeded: hash) & mask
        while hashes[slot] != 0 {
            if hashes[slot] == hash {
                let row = row(hits[slot])
                if row.kind == kind, isSame(sets[Int(hits[slot].set)].value(row)) { found.append(hits[slot]) }
            }
            slot = (slot &+ 1) & mask
        }
    }

    // MARK: questions; each appends what it finds

    /// A text as it stands.
    func find(_ kind: IndicatorKind, _ text: ArraySlice<UInt8>, _ found: inout [IndicatorHit]) {
        guard has(kind), text.count <= IndicatorForm.valueMax else { return }
        let hash = IndicatorIndex.hash(text, kind, seed)
        guard mayHave(hash) else { return }
        collect(hash, { $0.elementsEqual(text) }, kind, &found)
    }

    /// A text without regard to the case of ASCII letters.
    func findFolded(_ kind: IndicatorKind, _ text: ArraySlice<UInt8>, _ found: inout [IndicatorHit]) {
        guard has(kind), text.count <= IndicatorForm.valueMax else { return }
        var hash = seed
        for octet in text.reversed() { hash = IndicatorIndex.step(hash, IndicatorForm.lowered(octet)) }
        hash = IndicatorIndex.finish(hash, kind)
        guard mayHave(hash) else { return }
        collect(hash, { $0.elementsEqual(text.lazy.map(IndicatorForm.lowered)) }, kind, &found)
    }

    /// A digest as logs have it, in hexadecimal digits.
    func find(digest kind: IndicatorKind, _ text: ArraySlice<UInt8>, _ found: inout [IndicatorHit]) {
        guard has(kind), text.count >= 32, text.count <= 64, text.count % 2 == 0 else { return }
        var hash = seed
        var place = text.endIndex
        while place > text.startIndex {
            guard let low = IndicatorForm.digit(text[place &- 1]), let high = IndicatorForm.digit(text[place &- 2])
            else {
                return
            }
            hash = IndicatorIndex.step(hash, high << 4 | low)
            place &-= 2
        }
        hash = IndicatorIndex.finish(hash, kind)
        guard mayHave(hash) else { return }
        collect(hash, { IndicatorForm.hexadecimal(text)?.elementsEqual($0) ?? false }, kind, &found)
    }

    /// A URL by the Host header and the target of a request, with its question and without.
    func find(host: ArraySlice<UInt8>, target: ArraySlice<UInt8>, _ found: inout [IndicatorHit]) {
        guard has(.url), !host.isEmpty, host.count + target.count <= IndicatorForm.valueMax else { return }
        var host = host
        if host.suffix(3).elementsEqual(":80".utf8) { host = host.dropLast(3) }
        if host.suffix(4).elementsEqual(":443".utf8) { host = host.dropLast(4) }
        guard mayHave(IndicatorIndex.end(host.span, host.count, IndicatorIndex.hostEnd, seed)) else { return }
        var target = target
        // A proxy is asked by the whole URL.
        if target.starts(with: "http://".utf8) {
            guard let slash = target.dropFirst(7).firstIndex(of: 0x2F) else { return }
            target = target[slash...]
        }
        look(host, target, &found)
        if let question = target.firstIndex(of: 0x3F) { look(host, target[..<question], &found) }
    }

    private func look(_ host: ArraySlice<UInt8>, _ target: ArraySlice<UInt8>, _ found: inout [IndicatorHit]) {
        let (hostOctets, targetOctets) = (host.span, target.span)
        var hash = seed
        var place = targetOctets.count
        while place > 0 {
            place &-= 1
            hash = IndicatorIndex.step(hash, targetOctets[place])
        }
        place = hostOctets.count
        while place > 0 {
            place &-= 1
            hash = IndicatorIndex.step(hash, IndicatorForm.lowered(hostOctets[place]))
        }
        hash = IndicatorIndex.finish(hash, .url)
        guard mayHave(hash) else { return }
        let isSame = { (value: ArraySlice<UInt8>) in
            value.count == host.count + target.count && value.suffix(target.count).elementsEqual(target)
                && value.prefix(host.count).elementsEqual(host.lazy.map(IndicatorForm.lowered))
        }
        collect(hash, isSame, .url, &found)
    }

    /// A name: itself as domain and as host name, and each name above it, down to two labels, as domain.
    func find(name text: ArraySlice<UInt8>, _ found: inout [IndicatorHit]) {
        let octets = text.span
        let count = octets.count > 0 && octets[octets.count &- 1] == 0x2E ? octets.count &- 1 : octets.count
        guard count >= 3, count <= 255, present & IndicatorIndex.nameKinds != 0,
            mayHave(IndicatorIndex.end(octets, count, IndicatorIndex.nameEnd, seed))
        else { return }
        let name = text.prefix(count)
        var hash = seed
        var place = count
        var labels = 0
        while place > 0 {
            place &-= 1
            let octet = IndicatorForm.lowered(octets[place])
            if octet == 0x2E {
                labels &+= 1
                if labels >= 2 { look(.domain, hash, name.dropFirst(place &+ 1), &found) }
            }
            hash = IndicatorIndex.step(hash, octet)
        }
        guard labels >= 1 else { return }
        look(.domain, hash, name, &found)
        look(.hostname, hash, name, &found)
    }

    private static let nameKinds =
        UInt64(1) << UInt64(IndicatorKind.domain.rawValue) | UInt64(1) << UInt64(IndicatorKind.hostname.rawValue)

    @inline(__always)
    private func look(
        _ kind: IndicatorKind, _ state: UInt64, _ name: ArraySlice<UInt8>, _ found: inout [IndicatorHit]
    ) {
        let hash = IndicatorIndex.finish(state, kind)
        guard mayHave(hash) else { return }
        collect(hash, { $0.elementsEqual(name.lazy.map(IndicatorForm.lowered)) }, kind, &found)
    }

    /// An address: itself, the networks it is in, and with a port the endpoint.
    func find(_ address: Address, port: UInt16?, _ found: inout [IndicatorHit]) {
        let endpoint = port != nil && has(.endpoint)
        guard has(.address) || has(.network) || endpoint else { return }
        if has(.address) {
            let hash = IndicatorIndex.finish(IndicatorIndex.step(address, seed), .address)
            if mayHave(hash) { collect(hash, { IndicatorForm.address(of: $0) == address }, .address, &found) }
        }
        if endpoint, let port {
            var state = IndicatorIndex.step(seed, UInt8(truncatingIfNeeded: port))
            state = IndicatorIndex.step(state, UInt8(truncatingIfNeeded: port >> 8))
            let hash = IndicatorIndex.finish(IndicatorIndex.step(address, state), .endpoint)
            if mayHave(hash) {
                let value = IndicatorForm.octets(address) + [UInt8(port >> 8), UInt8(port & 0xFF)]
                collect(hash, { $0.elementsEqual(value) }, .endpoint, &found)
            }
        }
        for bits in networkBits {
            let masked = IndicatorForm.mask(address, bits)
            let state = IndicatorIndex.step(masked, IndicatorIndex.step(seed, UInt8(bits)))
            let hash = IndicatorIndex.finish(state, .network)
            guard mayHave(hash) else { continue }
            collect(
                hash, { IndicatorForm.address(of: $0) == masked && $0.last == UInt8(bits) }, .network, &found)
        }
    }

    /// The octets of an address from the last to the first, as `hash` takes them.
    private static func step(_ address: Address, _ start: UInt64) -> UInt64 {
        var hash = start
        for word in [address.low, address.high] {
            for shift in stride(from: UInt64(0), to: 64, by: 8) {
                hash = step(hash, UInt8(truncatingIfNeeded: word >> shift))
            }
        }
        return hash
    }
}
