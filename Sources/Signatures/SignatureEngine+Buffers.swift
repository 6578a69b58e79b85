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
        search(octets, group, pair, group.uses, isStart: true)
        addFound()
    }

    private func addFound() {
        for place in found.indices { addCandidate(found[place]) }
    }

    /// Adds the rules of a body's buffer, and of `file.data` where it is a file. What is looked for in files and in
    /// bodies of responses is looked for together.
    func look(through body: SignatureBody, _ pair: Int) {
        var isSearched = false
        look(through: body, body.buffer, pair, &isSearched)
        if body.isFile, body.buffer != .fileData { look(through: body, .fileData, pair, &isSearched) }
    }

    private func look(
        through body: SignatureBody, _ buffer: SignatureBuffer, _ pair: Int, _ isSearched: inout Bool
    ) {
        let window = body.window
        let isBoth = body.isFile && body.buffer == .httpResponseBody
        for number in index.groups(of: buffer) {
            index.buffers.with(number) { group in
                guard group.pairs.contains(pair: pair) else { return }
                for rule in group.loose.indices where group.loose[rule].pairs.contains(pair: pair) {
                    addCandidate(group.loose[rule].rule)
                }
                guard group.patternPairs.contains(pair: pair) else { return }
                var uses: PatternUses? = group.uses
                if isBoth, !group.uses.isEmpty {
                    uses = isSearched ? nil : [.file, .responseBody]
                    isSearched = true
                }
                search(window.octets, group, pair, uses, isStart: body.offset == 0)
                addFound()
            }
        }
    }

    /// Leaves in `found` the rules of a group whose pattern stands in the octets, transforms first.
    private func search(
        _ octets: RawSpan, _ group: BufferGroup, _ pair: Int, _ uses: PatternUses?, isStart: Bool
    ) {
        if !found.isEmpty { found.removeAll(keepingCapacity: true) }
        guard group.transforms != 0 else { return look(for: group, pair, in: octets, uses, isStart: isStart) }
        var target: [UInt8] = []
        swap(&target, &transformed)
        target.removeAll(keepingCapacity: true)
        walker.transform(group.transforms, octets, into: &target)
        look(for: group, pair, in: target.octets, uses, isStart: true)
        swap(&target, &transformed)
    }

    /// Adds to `found` the rules of some uses, none for all; where that is nil, only what is weak is looked for.
    private func look(
        for group: BufferGroup, _ pair: Int, in octets: RawSpan, _ uses: PatternUses?, isStart: Bool
    ) {
        if let uses {
            group.patterns.with(pair) { patterns in
                patterns.find(in: octets, scratch)
                patterns.findAnchored(in: octets, scratch, isStart: isStart)
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
