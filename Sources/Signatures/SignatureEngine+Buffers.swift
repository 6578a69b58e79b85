// SPDX-License-Identifier: Apache-2.0
//
// Which rules' patterns stand in a buffer of a transaction, or in a body.
//
// Reads   octets as they were shown.
// Writes  candidates.
// Leaves  which of them are evaluated (SignatureEngine+Transactions.swift).

import Records
import Wire

extension SignatureEngine {
    /// Adds the rules of a group (its place in `RuleIndex.buffers`) whose pattern stands in the octets, transforms
    /// first, and those without a pattern.
    func scan(_ octets: RawSpan, _ place: Int, _ pair: Int) {
        index.buffers.with(place) { group in scan(octets, group, pair) }
    }

    private func scan(_ octets: RawSpan, _ group: BufferGroup, _ pair: Int) {
        guard group.pairs.contains(pair: pair) else { return }
        for rule in group.loose.indices where group.loose[rule].pairs.contains(pair: pair) {
            addCandidate(group.loose[rule].rule)
        }
        guard group.patternPairs.contains(pair: pair) else { return }
        search(octets, group, pair)
        addFound()
    }

    private func addFound() {
        for place in found.indices { addCandidate(found[place]) }
    }

    /// Adds the rules of a body's buffer. The body of a response is mostly the same as a file: what is looked for in
    /// either is then looked for in one of them, once.
    func look(through body: SignatureBody, _ place: Int, _ pair: Int, _ transaction: SignatureTransaction) {
        let window = body.window
        let wasSearched = body.wasSearched
        body.wasSearched = false
        for number in index.groups(of: body.buffer) {
            index.buffers.with(number) { group in
                guard !group.uses.isEmpty, group.pairs.contains(pair: pair) else {
                    return scan(window.octets, group, pair)
                }
                var uses = wasSearched ? nil : group.uses
                if !wasSearched, let twin = twin(of: body, behind: place, transaction) {
                    twin.wasSearched = true
                    uses = [.file, .responseBody]
                }
                for rule in group.loose.indices where group.loose[rule].pairs.contains(pair: pair) {
                    addCandidate(group.loose[rule].rule)
                }
                if !found.isEmpty { found.removeAll(keepingCapacity: true) }
                look(for: group, pair, in: window.octets, uses)
                addFound()
            }
        }
    }

    /// The body of a response with the octets of a file, or the other way round, which waits for inspection, too.
    private func twin(
        of body: SignatureBody, behind place: Int, _ transaction: SignatureTransaction
    ) -> SignatureBody? {
        let buffer = body.buffer == .fileData ? SignatureBuffer.httpResponseBody : .fileData
        let window = body.window
        for next in place &+ 1 ..< transaction.bodies.count {
            let other = transaction.bodies[next]
            guard other.buffer == buffer, other.direction == body.direction, other.isDue, !other.wasSearched else {
                continue
            }
            let octets = other.window
            if SignatureEngine.areSame(window.octets, octets.octets) { return other }
        }
        return nil
    }

    /// Whether two stretches have the same octets, eight of them at a time.
    private static func areSame(_ left: RawSpan, _ right: RawSpan) -> Bool {
        guard left.byteCount == right.byteCount else { return false }
        var place = 0
        while place &+ 8 <= left.byteCount {
            guard left.load64(place) == right.load64(place) else { return false }
            place &+= 8
        }
        while place < left.byteCount {
            guard left.octet(place) == right.octet(place) else { return false }
            place &+= 1
        }
        return true
    }

    /// Leaves in `found` the rules of a group whose pattern stands in the octets, transforms first.
    private func search(_ octets: RawSpan, _ group: BufferGroup, _ pair: Int) {
        if !found.isEmpty { found.removeAll(keepingCapacity: true) }
        guard group.transforms != 0 else { return look(for: group, pair, in: octets, group.uses) }
        var target: [UInt8] = []
        swap(&target, &transformed)
        target.removeAll(keepingCapacity: true)
        walker.transform(group.transforms, octets, into: &target)
        look(for: group, pair, in: target.octets, group.uses)
        swap(&target, &transformed)
    }

    /// Adds to `found` the rules of some uses, none for all; where that is nil, only what is weak is looked for.
    private func look(for group: BufferGroup, _ pair: Int, in octets: RawSpan, _ uses: PatternUses?) {
        if let uses {
            group.patterns.with(pair) { patterns in
                patterns.find(in: octets, scratch)
                counters.scannedOctets &+= UInt64(octets.byteCount)
                for place in 0..<scratch.count {
                    for entry in patterns.rules(of: scratch[place].pattern) {
                        let rule = patterns.rules[entry]
                        if uses.isEmpty || !rule.uses.isDisjoint(with: uses) { found.append(rule.rule) }
                    }
                }
            }
        }
        guard !group.weak.isEmpty else { return }
        let patterns = set.patterns
        for number in group.weak.indices {
            let weak = group.weak[number]
            guard weak.pairs.contains(pair: pair) else { continue }
            let pattern = patterns.octets.extracting(weak.octets.indices)
            let place = PatternSearch.first(pattern, in: octets, 0, octets.byteCount, isCaseless: weak.isCaseless)
            guard place != nil else { continue }
            for rule in weak.rules.indices { found.append(group.weakRules[rule]) }
        }
    }
}
