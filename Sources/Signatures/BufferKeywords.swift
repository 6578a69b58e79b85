// SPDX-License-Identifier: Apache-2.0
//
// Which buffer the following contents look at: sticky buffers, the legacy
// modifiers that move a content, changes to a buffer.
//
// Reads   options.
// Writes  the draft's lists.
// Leaves  contents (ContentKeywords.swift).

import Records

extension RuleParser {
    /// Opens the list of a sticky buffer.
    mutating func open(_ info: BufferInfo, _ name: RuleText, _ value: RuleText) throws(RuleError) {
        var side: FlowTest.Side?
        if !value.isEmpty {
            guard value.equals("to_server") || value.equals("to_client") else {
                throw RuleError(.value, "\(name.string) takes to_server or to_client, not \(value.quoted)")
            }
            side = value.equals("to_server") ? .toServer : .toClient
        }
        try leaveBuffer(for: name)
        try need(info.applications, name)
        try needScope(of: info, name)
        let isOpen = draft.lists.lastIndex { $0.buffer == info.buffer && $0.transforms.isEmpty && !$0.isBase64 }
        if let isOpen, !info.traits.contains(.isMultiple) {
            draft.warnings.append("\(name.string) stands twice: both are looked for in one buffer, one after the other")
            draft.current = isOpen
        } else {
            draft.lists.append(DraftList(buffer: info.buffer, side: side))
            draft.current = draft.lists.count - 1
        }
    }

    /// `pkt_data`: back to the payload.
    mutating func openPayload(_ name: RuleText) throws(RuleError) {
        // Even base64_data may be left so; its list is closed all the same.
        if draft.current.map({ draft.lists[$0].isBase64 }) != true { try leaveBuffer(for: name) }
        draft.current = nil
    }

    /// The open buffer must have been used, and must not be that of `base64_data`.
    private func leaveBuffer(for name: RuleText) throws(RuleError) {
        guard draft.pendingTransforms.isEmpty else {
            throw RuleError(
                .buffer, "nothing follows the transforms before \(name.string)",
                advice: "add a content, or take them out")
        }
        guard let current = draft.current else { return }
        let list = draft.lists[current]
        guard !list.isBase64 else {
            throw RuleError(
                .buffer, "\(name.string) cannot follow base64_data", advice: "write base64_decode and base64_data last")
        }
        guard !list.steps.isEmpty || list.absence != .needed else {
            throw RuleError(
                .buffer, "nothing is looked for in \(list.buffer.name)",
                advice: "add a content after it, or take it out")
        }
    }

    /// The header's protocol must have what the keyword looks at; it narrows the rule to the protocols that do.
    mutating func need(_ applications: AppProtocols, _ name: RuleText) throws(RuleError) {
        guard !applications.isEmpty else { return }
        var common = applications
        if !draft.rule.header.applications.isEmpty { common.bits &= draft.rule.header.applications.bits }
        guard !common.isEmpty else {
            throw RuleError(
                .combination, "\(name.string) is no keyword of \(draft.rule.header.application.name)",
                advice: "name the keyword's own protocol in the header")
        }
        draft.rule.header.applications = common
    }

    /// Headers of the packet cannot be looked at in a stream, buffers of an application not in single packets.
    private func needScope(of info: BufferInfo, _ name: RuleText) throws(RuleError) {
        let header = draft.rule.header
        if info.traits.contains(.isPacket) {
            let needed: ProtocolNumbers
            switch info.buffer {
            case .tcpHeader: needed = ProtocolNumbers(6)
            case .udpHeader: needed = ProtocolNumbers(17)
            case .icmpv4Header: needed = ProtocolNumbers(1)
            case .icmpv6Header: needed = ProtocolNumbers(58)
            case .ipSource, .ipDestination: return
            default: needed = .all
            }
            var common = header.protocols
            common.formIntersection(needed)
            let isICMP = info.buffer == .icmpv4Header || info.buffer == .icmpv6Header
            guard !common.isEmpty, header.scope != .stream, !(isICMP && header.application != .unknown) else {
                throw RuleError(.combination, "\(name.string) cannot be looked at under this protocol")
            }
        } else if header.scope == .packets {
            throw RuleError(
                .combination, "tcp-pkt rules look at packets, and \(name.string) is no part of one",
                advice: "write tcp or the application protocol")
        }
    }

    /// `http_uri` and its like: the content before goes to that buffer.
    mutating func moveLastContent(to buffer: SignatureBuffer, _ name: RuleText) throws(RuleError) {
        guard draft.current == nil else {
            throw RuleError(
                .buffer, "\(name.string) stands behind a sticky buffer",
                advice: "use the sticky buffer \(buffer.name), or pkt_data before the content")
        }
        let payload = draft.lists.firstIndex { $0.buffer == .payload }
        guard let payload, let step = draft.lists[payload].steps.lastIndex(where: { $0.content != nil }) else {
            throw RuleError(
                .buffer, "\(name.string) has no content before it",
                advice: "write the content first, then \(name.string);")
        }
        try need(BufferInfo.of(buffer).applications, name)
        let moved = draft.lists[payload].steps[step]
        guard !moved.isRawBytes else { throw RuleError(.combination, "rawbytes and \(name.string) exclude each other") }
        guard !moved.hasReplacement else { throw RuleError(.combination, "replace is for packets' payload alone") }
        draft.lists[payload].steps.remove(at: step)
        if draft.lists[payload].steps.isEmpty, payload == draft.lists.count - 1 { draft.lists.remove(at: payload) }
        let list = legacyList(buffer)
        let place = draft.lists[list].steps.firstIndex { $0.order > moved.order } ?? draft.lists[list].steps.count
        draft.lists[list].steps.insert(moved, at: place)
    }

    /// The list that legacy modifiers and selectors of `pcre` add to.
    mutating func legacyList(_ buffer: SignatureBuffer) -> Int {
        if let index = draft.lists.firstIndex(where: { $0.buffer == buffer && $0.transforms.isEmpty }) { return index }
        draft.lists.append(DraftList(buffer: buffer))
        return draft.lists.count - 1
    }

    // MARK: transforms

    mutating func add(_ keyword: TransformKeyword, _ name: RuleText, _ value: RuleText) throws(RuleError) {
        guard let current = draft.current, !draft.lists[current].isBase64 else {
            throw RuleError(
                .buffer, "\(name.string) has no sticky buffer before it",
                advice: "write the buffer first: http.uri; \(name.string);")
        }
        guard draft.pendingTransforms.count < 16 else {
            throw RuleError(.combination, "more than 16 transforms of one buffer")
        }
        switch keyword {
        case .simple(let transform): draft.pendingTransforms.append(transform)
        case .regex:
            let regex = try makeRegex(Array(value), options: 0)
            draft.pendingTransforms.append(.regex(regex))
        case .xor:
            guard let key = RuleParser.hexadecimal(value), !key.isEmpty, key.count <= 255 else {
                throw RuleError(
                    .value, "\(value.quoted) is no key", advice: "write hexadecimal digits in pairs: \"0d0ac8ff\"")
            }
            draft.pendingTransforms.append(.xor(key))
        case .fromBase64: draft.pendingTransforms.append(try RuleParser.base64Transform(value))
        case .gunzip: draft.pendingTransforms.append(.gunzip(maximum: try RuleParser.maximumSize(value)))
        case .inflate: draft.pendingTransforms.append(.inflate(maximum: try RuleParser.maximumSize(value)))
        case .lua:
            throw RuleError(
                .unsupported, "lua scripts are not run", advice: "express it with pcrexform or another transform")
        }
    }

    static func hexadecimal(_ text: RuleText) -> [UInt8]? {
        guard text.count % 2 == 0 else { return nil }
        var octets: [UInt8] = []
        var index = text.startIndex
        while index < text.endIndex {
            guard let high = text[index].hexadecimal, let low = text[index + 1].hexadecimal else { return nil }
            octets.append(high << 4 | low)
            index += 2
        }
        return octets
    }

    /// `max-size N`, 1024 where it is not said.
    private static func maximumSize(_ value: RuleText) throws(RuleError) -> UInt32 {
        guard !value.isEmpty else { return 1024 }
        let words = value.words
        guard words.count == 2, words[0].equals("max-size"), let size = try? NumberTest(parsing: words[1], .u32),
            size.comparison == .equal, size.first > 0
        else { throw RuleError(.value, "\(value.quoted) is no limit", advice: "write max-size 4096") }
        return UInt32(size.first)
    }

    /// `bytes N, offset N, mode rfc2045|rfc4648|strict`, in any order.
    private static func base64Transform(_ value: RuleText) throws(RuleError) -> Transform {
        var bytes: UInt32 = 0
        var offset: UInt32 = 0
        var mode = Base64Mode.rfc4648
        for part in value.isEmpty ? [] : value.parts(0x2C) {
            let words = part.words
            if words.count == 2, words[0].equals("bytes"), let number = words[1].decimal(65_535) {
                bytes = UInt32(number)
            } else if words.count == 2, words[0].equals("offset"), let number = words[1].decimal(65_535) {
                offset = UInt32(number)
            } else if words.count == 2, words[0].equals("mode") {
                switch words[1].string {
                case "rfc2045": mode = .rfc2045
                case "rfc4648": mode = .rfc4648
                case "strict": mode = .strict
                default: throw RuleError(.value, "\(words[1].quoted) is no mode of base64")
                }
            } else {
                throw RuleError(
                    .value, "\(part.quoted) is not known",
                    advice: "write bytes N, offset N, mode rfc2045|rfc4648|strict")
            }
        }
        return .fromBase64(bytes: bytes, offset: offset, mode: mode)
    }
}
