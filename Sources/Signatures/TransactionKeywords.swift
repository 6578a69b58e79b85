// SPDX-License-Identifier: Apache-2.0
//
// Keywords of application protocols that are neither buffers nor plain numbers.
//
// Reads   values of options.
// Writes  transaction tests of the draft.
// Leaves  plain numbers (NumberInfo+Tables.swift), control networks (ControlKeywords.swift).

import Records

extension RuleParser {
    mutating func applyTransaction(
        _ keyword: PlainKeyword, _ name: RuleText, _ value: RuleText, isNegated: Bool
    ) throws(RuleError) {
        switch keyword {
        case .appLayerProtocol: try addProtocolTest(value)
        case .appLayerEvent: try addApplicationEvent(value)
        case .appLayerState:
            throw RuleError(
                .unsupported, "app-layer-state is for firewall rules", advice: "write a hook: http1:request_headers")
        case .filename, .fileext, .filemagic: try addFileText(keyword, value, isNegated: isNegated)
        case .fileHash(let algorithm): try addHashList(algorithm, value, isNegated: isNegated)
        case .filesize:
            try need(BufferInfo.files, name)
            try addNumber(.fileSize, value, .u64, .either)
        case .tlsSubject: try addTLSText(.tlsCertSubject, name, value, isNegated: isNegated)
        case .tlsIssuer: try addTLSText(.tlsCertIssuer, name, value, isNegated: isNegated)
        case .tlsFingerprint: try addTLSText(.tlsCertFingerprint, name, value, isNegated: isNegated)
        case .tlsVersion, .sslVersion: try addTLSVersions(keyword, name, value)
        case .tlsNotBefore, .tlsNotAfter: try addValidity(keyword, name, value)
        case .tlsExpired, .tlsValid:
            try need(AppProtocols(.tls), name)
            let isExpired = if case .tlsExpired = keyword { true } else { false }
            draft.transactionTests.append(TransactionTest(element: .tlsExpired(isExpired), side: .toClient))
        case .sslState: try addTLSState(name, value)
        case .dcerpcInterface: try addInterface(name, value)
        case .dcerpcOpnum: try addOpnum(name, value)
        case .smbVersion: try addSMBVersion(name, value)
        case .nfsProcedure, .nfsVersion: try addNFS(keyword, name, value)
        case .krb5ErrorCode, .krb5MessageType: try addKerberos(keyword, name, value)
        case .krb5Encryption: try addTicketEncryption(name, value)
        case .mqttQoS, .mqttSessionPresent: try addMQTT(keyword, name, value)
        case .ftpMode, .ftpReplyReceived, .ftpDataCommand: try addFTP(keyword, name, value)
        case .http2FrameType, .http2ErrorCode, .http2Settings: try addHTTP2(keyword, name, value)
        case .modbus, .dnp3Function, .dnp3Indicators, .dnp3Object, .cipService, .ikeAttribute:
            try addControl(keyword, name, value)
        case .frame: try markFrame(value)
        case .lua:
            throw RuleError(
                .unsupported, "lua scripts are not run", advice: "express the test with contents, pcre or byte_test")
        case .sshObsolete:
            throw RuleError(
                .unsupported, "\(name.string) is gone", advice: "write ssh.proto or ssh.software and a content")
        default: throw RuleError(.keyword, "the keyword \(name.quoted) is not read")
        }
    }

    // MARK: numbers

    mutating func parseNumber(_ info: NumberInfo, _ value: RuleText) throws(RuleError) {
        try need(info.applications, RuleText(info.keyword))
        var text = value
        var index = ListIndex.any
        if info.isIndexed, let comma = value.firstIndex(of: 0x2C) {
            guard let found = ListIndex(parsing: value[(comma + 1)...]) else {
                throw RuleError(
                    .value, "\(value.quoted) names no element of the list", advice: "write ,any or ,all or ,0 or ,-1")
            }
            index = found
            text = value[value.startIndex..<comma]
        }
        let test = try NumberTest(parsing: text, info.syntax)
        draft.transactionTests.append(
            TransactionTest(element: .number(info.buffer, test, index), side: info.side))
    }

    mutating func addNumber(
        _ buffer: SignatureBuffer, _ value: RuleText, _ syntax: NumberSyntax, _ side: FlowTest.Side
    ) throws(RuleError) {
        let test = try NumberTest(parsing: value, syntax)
        add(.number(buffer, test, .any), side)
    }

    mutating func add(_ element: TransactionTest.Element, _ side: FlowTest.Side = .either) {
        draft.transactionTests.append(TransactionTest(element: element, side: side))
    }

    /// `<N`, `>N`, `A<>B`, `N` without more: older keywords.
    private mutating func addNFS(_ keyword: PlainKeyword, _ name: RuleText, _ value: RuleText) throws(RuleError) {
        try need(AppProtocols(.nfs), name)
        var syntax = NumberSyntax.u32
        syntax.takesEmptyRanges = true
        let isVersion = if case .nfsVersion = keyword { true } else { false }
        guard value.first != 0x26 else { throw RuleError(.value, "\(value.quoted): \(name.string) takes no mask") }
        try addNumber(isVersion ? .nfsVersion : .nfsProcedure, value, syntax, .toServer)
    }

    private mutating func addKerberos(_ keyword: PlainKeyword, _ name: RuleText, _ value: RuleText) throws(RuleError) {
        try need(AppProtocols(.krb5), name)
        if case .krb5MessageType = keyword {
            guard let number = value.trimmed.decimal(255) else {
                throw RuleError(.value, "\(value.quoted) is no message type")
            }
            add(.number(.krb5MessageType, NumberTest(.equal, number), .any))
        } else {
            // Digits at the start count, as in Suricata.
            guard let first = value.trimmed.first, first.isDigit,
                let number = value.trimmed.prefix(while: \.isDigit).decimal(0x7FFF_FFFF)
            else { throw RuleError(.value, "\(value.quoted) is no error code", advice: "write a number") }
            add(.number(.krb5ErrorCode, NumberTest(.equal, number), .any))
        }
    }

    /// Names of RFC 3961's register that Suricata knows; `weak` is what it calls weak.
    private static let encryptions: [String: UInt64] = [
        "des-cbc-crc": 1, "des-cbc-md4": 2, "des-cbc-md5": 3, "des3-cbc-md5": 5, "des3-cbc-sha1": 7,
        "dsawithsha1-cmsoid": 9, "md5withrsaencryption-cmsoid": 10, "sha1withrsaencryption-cmsoid": 11,
        "rc2cbc-envoid": 12, "rsaencryption-envoid": 13, "rsaes-oaep-env-oid": 14, "des-ede3-cbc-env-oid": 15,
        "des3-cbc-sha1-kd": 16, "aes128-cts-hmac-sha1-96": 17, "aes256-cts-hmac-sha1-96": 18,
        "aes128-cts-hmac-sha256-128": 19, "aes256-cts-hmac-sha384-192": 20, "rc4-hmac": 23, "rc4-hmac-exp": 24,
        "camellia128-cts-cmac": 25, "camellia256-cts-cmac": 26, "subkey-keymaterial": 65,
    ]
    /// Everything that is none of the AES and Camellia types.
    private static let strongEncryptions: [UInt64] = [17, 18, 19, 20, 25, 26]

    private mutating func addTicketEncryption(_ name: RuleText, _ value: RuleText) throws(RuleError) {
        try need(AppProtocols(.krb5), name)
        var text = value.trimmed
        let isNegated = text.first == 0x21
        if isNegated { text = text.dropFirst().trimmed }
        if text.equals("weak") {
            let tests = RuleParser.strongEncryptions.map { NumberTest(.equal, $0) }
            add(
                .oneOf(.krb5TicketEncryption, .adding(tests, to: &builder.numberTests), isNegated: !isNegated),
                .toClient)
            return
        }
        var tests: [NumberTest] = []
        for part in text.parts(0x2C) {
            if let number = RuleParser.encryptions[part.string] {
                tests.append(NumberTest(.equal, number))
            } else if let number = part.signed(-0x8000_0000...0x7FFF_FFFF) {
                tests.append(NumberTest(.equal, UInt64(bitPattern: number)))
            } else {
                throw RuleError(
                    .value, "\(part.quoted) is no encryption type",
                    advice: "write weak, a name such as rc4-hmac, or numbers")
            }
        }
        add(.oneOf(.krb5TicketEncryption, .adding(tests, to: &builder.numberTests), isNegated: isNegated), .toClient)
    }

    private mutating func addMQTT(_ keyword: PlainKeyword, _ name: RuleText, _ value: RuleText) throws(RuleError) {
        try need(AppProtocols(.mqtt), name)
        let isQoS = if case .mqttQoS = keyword { true } else { false }
        guard let number = value.trimmed.decimal(isQoS ? 2 : 1) else {
            throw RuleError(
                .value, "\(value.quoted) is no value of \(name.string)", advice: "write 0 to \(isQoS ? 2 : 1)")
        }
        let buffer: SignatureBuffer = isQoS ? .mqttQoS : .mqttConnackSessionPresent
        add(.number(buffer, NumberTest(.equal, number), .any), isQoS ? .toServer : .toClient)
    }

    private mutating func addFTP(_ keyword: PlainKeyword, _ name: RuleText, _ value: RuleText) throws(RuleError) {
        let text = value.trimmed
        switch keyword {
        case .ftpMode:
            try need(AppProtocols(.ftp), name)
            guard text.equalsAnyCase("active") || text.equalsAnyCase("passive") else {
                throw RuleError(.value, "\(value.quoted) is no mode of FTP", advice: "write active or passive")
            }
            add(.number(.ftpMode, NumberTest(.equal, text.equalsAnyCase("active") ? 1 : 0), .any))
        case .ftpReplyReceived:
            try need(AppProtocols(.ftp), name)
            let words = ["yes": 1, "no": 0, "true": 1, "false": 0, "on": 1, "off": 0, "1": 1, "0": 0]
            guard let truth = words[text.string.lowercased()] else {
                throw RuleError(.value, "\(value.quoted) is neither yes nor no")
            }
            add(.number(.ftpReplyReceived, NumberTest(.equal, UInt64(truth)), .any), .toClient)
        default:
            try need(AppProtocols(.ftpData), name)
            guard ["stor", "retr", "appe", "list"].contains(text.string) else {
                throw RuleError(.value, "\(value.quoted) is no command of ftp-data", advice: "write stor or retr")
            }
            // RETR is 1, STOR 2; the others move no file.
            add(
                .number(
                    .ftpdataCommand, NumberTest(.equal, text.equals("retr") ? 1 : text.equals("stor") ? 2 : 0), .any))
        }
    }

    // MARK: HTTP/2

    private static let frameTypes: [String: UInt64] = [
        "data": 0, "headers": 1, "priority": 2, "rststream": 3, "settings": 4, "pushpromise": 5, "ping": 6, "goaway": 7,
        "windowupdate": 8, "continuation": 9,
    ]
    private static let errorCodes: [String: UInt64] = [
        "no_error": 0, "protocol_error": 1, "internal_error": 2, "flow_control_error": 3, "settings_timeout": 4,
        "stream_closed": 5, "frame_size_error": 6, "refused_stream": 7, "cancel": 8, "compression_error": 9,
        "connect_error": 10, "enhance_your_calm": 11, "inadequate_security": 12, "http_1_1_required": 13,
    ]
    private static let settings: [String: UInt16] = [
        "settings_header_table_size": 1, "settings_enable_push": 2, "settings_max_concurrent_streams": 3,
        "settings_initial_window_size": 4, "settings_max_frame_size": 5, "settings_max_header_list_size": 6,
    ]

    private mutating func addHTTP2(_ keyword: PlainKeyword, _ name: RuleText, _ value: RuleText) throws(RuleError) {
        try need(AppProtocols(.http2, .doh2), name)
        let text = value.trimmed
        if case .http2Settings = keyword {
            let word = text.prefix { $0.isLetter || $0 == 0x5F }
            guard let identifier = RuleParser.settings[word.string.lowercased()] else {
                throw RuleError(
                    .value, "\(value.quoted) is no setting", advice: "write SETTINGS_MAX_CONCURRENT_STREAMS >10")
            }
            let rest = text.dropFirst(word.count).trimmed
            let test = rest.isEmpty ? NumberTest(.greaterOrEqual, 0) : try NumberTest(parsing: rest, .u32)
            add(.http2Settings(identifier: identifier, test))
            return
        }
        let isType = if case .http2FrameType = keyword { true } else { false }
        let names = isType ? RuleParser.frameTypes : RuleParser.errorCodes
        // Digits at the start count, as in Suricata.
        let digits = text.begins(with: "0x") ? text : text.prefix(while: \.isDigit)
        guard let number = names[text.string.lowercased()] ?? digits.number(isType ? 255 : 0xFFFF_FFFF) else {
            throw RuleError(
                .value, "\(value.quoted) is not known", advice: "write a number or \(names.keys.sorted()[0])")
        }
        add(.number(isType ? .http2FrameType : .http2ErrorCode, NumberTest(.equal, number), .any))
    }

    // MARK: protocols and events

    private mutating func addProtocolTest(_ value: RuleText) throws(RuleError) {
        guard draft.rule.header.applications.isEmpty else {
            throw RuleError(
                .combination, "app-layer-protocol in a rule that has a protocol already",
                advice: "write alert tcp or alert ip")
        }
        let isNegated = value.first == 0x21
        let parts = (isNegated ? value.dropFirst() : value).split(separator: 0x2C, omittingEmptySubsequences: false)
        let modes: [String: ProtocolMode] = [
            "direction": .direction, "final": .final, "either": .either, "to_server": .toServer, "to_client": .toClient,
            "original": .original,
        ]
        let mode = parts.count == 2 ? modes[parts[1].string] : .direction
        let name = parts[0].string
        let special: AppProtocol? = name == "failed" ? .failed : name == "unknown" && !isNegated ? .unknown : nil
        guard parts.count <= 2, let mode, let found = special ?? HeaderProtocol.application(named: name)?.application
        else {
            throw RuleError(
                .value, "\(value.quoted) is no protocol",
                advice: "write [!]PROTOCOL[,final|original|either|to_server|to_client]")
        }
        try needNoConflict(found, isNegated: isNegated, mode)
        draft.hasAppProtocolTest = true
        let all = special == nil ? HeaderProtocol.application(named: name)?.applications.widened : nil
        draft.packetTests.append(
            .applicationProtocol(all ?? AppProtocols(found), isNegated: isNegated, mode))
    }

    /// Several negated tests may stand in one rule; a positive one stands alone under its mode.
    private func needNoConflict(_ application: AppProtocol, isNegated: Bool, _ mode: ProtocolMode) throws(RuleError) {
        for case .applicationProtocol(let others, let otherIsNegated, let otherMode) in draft.packetTests
        where otherMode == mode {
            guard isNegated, otherIsNegated, !others.contains(application) else {
                throw RuleError(
                    .combination, "two app-layer-protocol tests exclude each other",
                    advice: "join negated ones of different protocols, or write one positive test")
            }
        }
    }

    private mutating func addApplicationEvent(_ value: RuleText) throws(RuleError) {
        let text = value.trimmed
        guard let cut = text.cut(0x2E) else {
            guard EventNames.applicationLayer.contains(text.string.lowercased()) else {
                throw RuleError(.value, "\(value.quoted) is no event", advice: "write PROTOCOL.EVENT")
            }
            draft.packetTests.append(.applicationLayerEvent(builder.addText(RuleText(text.string.lowercased()))))
            return
        }
        guard let found = HeaderProtocol.application(named: cut.head.string), !cut.tail.isEmpty else {
            throw RuleError(
                .value, "\(cut.head.quoted) is no protocol", advice: "write PROTOCOL.EVENT: http.missing_host_header")
        }
        let applications = cut.head.equals("http") ? AppProtocols(.http) : found.applications
        try need(applications, RuleText("app-layer-event"))
        let event = cut.tail.string
        if let known = EventNames.application[found.application.name.description], !known.contains(event) {
            draft.warnings.append("\(cut.head.string) has no event \(cut.tail.quoted): the rule cannot fire")
        }
        draft.hasAppEvent = true
        add(.event(found.application, builder.addText(cut.tail)))
    }

    /// `frame` is read, and what follows it is not evaluated: the rule loads, and never fires.
    private mutating func markFrame(_ value: RuleText) throws(RuleError) {
        let text = value.trimmed
        guard !text.isEmpty, text.allSatisfy({ $0.isLetter || $0.isDigit || $0 == 0x2E || $0 == 0x5F || $0 == 0x2D })
        else {
            throw RuleError(.value, "\(value.quoted) is no frame", advice: "write frame:http1.request")
        }
        guard text.contains(0x2E) || draft.rule.header.application != .unknown else {
            throw RuleError(.value, "\(value.quoted) names no protocol", advice: "write frame:PROTOCOL.FRAME")
        }
        draft.hasFrame = true
        draft.lists.append(DraftList(buffer: .payload, transforms: [], side: nil))
        draft.current = draft.lists.count - 1
    }

    // MARK: files

    private mutating func addFileText(_ keyword: PlainKeyword, _ value: RuleText, isNegated: Bool) throws(RuleError) {
        var octets = try RuleParser.octets(of: value).map(\.lowered)
        var content = ContentStep()
        content.flags = isNegated ? [.isNegated, .isCaseless] : .isCaseless
        var buffer = SignatureBuffer.fileName
        switch keyword {
        case .fileext:
            octets.insert(0x2E, at: 0)
            content.flags.insert(.endsWith)
        case .filemagic: buffer = .fileMagic
        default: break
        }
        let applications = buffer == .fileMagic ? BufferInfo.files : BufferInfo.namedFiles
        try need(applications, RuleText("file"))
        draft.append(DraftStep(step: .content(content), pattern: octets, order: 0), to: legacyList(buffer))
    }

    // MARK: TLS

    private mutating func addTLSText(
        _ buffer: SignatureBuffer, _ name: RuleText, _ value: RuleText, isNegated: Bool
    ) throws(RuleError) {
        try need(AppProtocols(.tls), name)
        try addContent(value, isNegated: isNegated, to: legacyList(buffer))
    }

    private mutating func addTLSVersions(_ keyword: PlainKeyword, _ name: RuleText, _ value: RuleText) throws(RuleError)
    {
        try need(AppProtocols(.tls), name)
        var text = value.trimmed
        var tests: [NumberTest] = []
        var isNegated = false
        if case .tlsVersion = keyword {
            let names: [String: UInt64] = ["1.0": 0x0301, "1.1": 0x0302, "1.2": 0x0303, "1.3": 0x0304]
            let wire = text.begins(with: "0x") ? text.dropFirst(2).hexadecimal(0xFFFF) : nil
            guard let version = names[text.string] ?? wire else {
                throw RuleError(
                    .value, "\(value.quoted) is no version of TLS", advice: "write 1.0, 1.1, 1.2, 1.3 or 0x0303")
            }
            tests = [NumberTest(.equal, version)]
        } else {
            isNegated = text.first == 0x21
            if isNegated { text = text.dropFirst() }
            let names: [String: UInt64] = [
                "sslv2": 0x0002, "sslv3": 0x0300, "tls1.0": 0x0301, "tls1.1": 0x0302, "tls1.2": 0x0303,
                "tls1.3": 0x0304,
            ]
            for part in text.parts(0x2C) {
                guard let version = names[part.string.lowercased()] else {
                    throw RuleError(
                        .value, "\(part.quoted) is no version",
                        advice: "write [!]sslv2,sslv3,tls1.0,tls1.1,tls1.2,tls1.3")
                }
                tests.append(NumberTest(.equal, version))
            }
        }
        add(.oneOf(.tlsVersion, .adding(tests, to: &builder.numberTests), isNegated: isNegated))
    }

    private mutating func addTLSState(_ name: RuleText, _ value: RuleText) throws(RuleError) {
        try need(AppProtocols(.tls), name)
        let names: [String: UInt8] = [
            "client_hello": 1, "server_hello": 2, "client_keyx": 4, "server_keyx": 8, "unknown": 16,
        ]
        var states: UInt8 = 0
        var negated: UInt8 = 0
        for part in value.split(whereSeparator: { $0 == 0x7C || $0 == 0x2C }).map(\.trimmed) {
            let isNegated = part.first == 0x21
            guard let state = names[(isNegated ? part.dropFirst() : part).string] else {
                throw RuleError(
                    .value, "\(part.quoted) is no state",
                    advice: "write client_hello, server_hello, client_keyx, server_keyx or unknown")
            }
            states |= state
            negated |= isNegated ? state : 0
        }
        add(.tlsState(states: states, negated: negated))
    }

    private mutating func addValidity(_ keyword: PlainKeyword, _ name: RuleText, _ value: RuleText) throws(RuleError) {
        try need(AppProtocols(.tls), name)
        let text = value.trimmed
        var test: NumberTest?
        if let cut = text.cut(0x3C), cut.tail.first == 0x3E, let first = RuleDate.seconds(cut.head),
            let second = RuleDate.seconds(cut.tail.dropFirst().trimmed)
        {
            test = NumberTest(.inside, first, second)
        } else if let sign = text.first, sign == 0x3C || sign == 0x3E {
            test = RuleDate.seconds(text.dropFirst().trimmed).map { NumberTest(sign == 0x3C ? .less : .greater, $0) }
        } else {
            test = RuleDate.seconds(text).map { NumberTest(.equal, $0) }
        }
        guard let test else {
            throw RuleError(
                .value, "\(value.quoted) is no time", advice: "write >2026-01-01, <2026-12-31T23:59:59, or A<>B")
        }
        if case .tlsNotBefore = keyword {
            add(.tlsNotBefore(test), .toClient)
        } else {
            add(.tlsNotAfter(test), .toClient)
        }
    }

    // MARK: DCE/RPC and SMB

    private mutating func addInterface(_ name: RuleText, _ value: RuleText) throws(RuleError) {
        try need(AppProtocols(.dcerpc, .smb), name)
        let parts = value.parts(0x2C)
        let digits = parts[0].filter { $0 != 0x2D }
        let lengths = parts[0].split(separator: 0x2D, omittingEmptySubsequences: false).map(\.count)
        guard lengths == [8, 4, 4, 4, 12], let high = digits.prefix(16)[...].hexadecimal(),
            let low = digits.suffix(16)[...].hexadecimal(),
            parts.count <= 3
        else {
            throw RuleError(
                .value, "\(parts[0].quoted) is no UUID",
                advice: "write 367abb81-9844-35f1-ad32-98f038001003[,>1][,any_frag]")
        }
        var version: NumberTest?
        var anyFragment = false
        for part in parts.dropFirst() {
            if part.equals("any_frag"), !anyFragment {
                anyFragment = true
            } else if version == nil, !anyFragment, let test = RuleParser.interfaceVersion(part) {
                version = test
            } else {
                throw RuleError(
                    .value, "\(part.quoted) is no version of an interface",
                    advice: "write =1, !1, <1 or >1, then any_frag")
            }
        }
        add(.dcerpcInterface(high: high, low: low, version: version, anyFragment: anyFragment))
    }

    private static func interfaceVersion(_ text: RuleText) -> NumberTest? {
        let comparisons: [UInt8: NumberTest.Comparison] = [0x3C: .less, 0x3E: .greater, 0x3D: .equal, 0x21: .notEqual]
        guard let sign = text.first, let comparison = comparisons[sign], let number = text.dropFirst().decimal(65_535)
        else {
            return nil
        }
        return NumberTest(comparison, number)
    }

    /// `12`, `1-4`, `3,7,9-11`: both ends of a range are in it.
    private mutating func addOpnum(_ name: RuleText, _ value: RuleText) throws(RuleError) {
        try need(AppProtocols(.dcerpc, .smb), name)
        var tests: [NumberTest] = []
        for part in value.parts(0x2C) {
            if let cut = part.cut(0x2D), let first = cut.head.decimal(0xFFFF_FFFF),
                let last = cut.tail.decimal(0xFFFF_FFFF),
                first <= last
            {
                tests.append(NumberTest(.within, first, last))
            } else if let number = part.decimal(0xFFFF_FFFF) {
                tests.append(NumberTest(.equal, number))
            } else {
                throw RuleError(.value, "\(part.quoted) is no operation number", advice: "write 12, 1-4 or 3,7,9-11")
            }
        }
        add(.oneOf(.dcerpcOpnum, .adding(tests, to: &builder.numberTests), isNegated: false))
    }

    private mutating func addSMBVersion(_ name: RuleText, _ value: RuleText) throws(RuleError) {
        try need(AppProtocols(.smb), name)
        guard !draft.transactionTests.contains(where: \.isSMBVersion) else {
            throw RuleError(.duplicate, "smb.version stands twice in the rule")
        }
        guard let version = value.trimmed.decimal(2), version > 0 else {
            throw RuleError(.value, "\(value.quoted) is no version of SMB", advice: "write 1 or 2")
        }
        add(.number(.smbVersion, NumberTest(.equal, version), .any))
    }
}

extension TransactionTest {
    fileprivate var isSMBVersion: Bool {
        if case .number(.smbVersion, _, _) = element { return true }
        return false
    }
}

/// Times as rules write them.
enum RuleDate {
    /// Digits alone are seconds since 1970; else `2026-11`, `2026-11-22`, `2026-11-22T13:05:00` and what is
    /// between, UTC.
    static func seconds(_ text: RuleText) -> UInt64? {
        if text.allSatisfy(\.isDigit) { return text.decimal() }
        var fields: [UInt64] = []
        for part in text.split(whereSeparator: { $0 == 0x2D || $0 == 0x3A || $0 == 0x54 || $0 == 0x20 }) {
            guard let number = part.decimal(9999) else { return nil }
            fields.append(number)
        }
        guard (2...6).contains(fields.count), (1970...9999).contains(fields[0]), (1...12).contains(fields[1]) else {
            return nil
        }
        fields += [1, 0, 0, 0].suffix(6 - fields.count)
        guard (1...31).contains(fields[2]), fields[3] < 24, fields[4] < 60, fields[5] < 61 else { return nil }
        // Days since 1970 by the civil calendar, with the year beginning in March.
        let year = fields[1] > 2 ? fields[0] : fields[0] - 1
        let month = (fields[1] + 9) % 12
        let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + fields[2] - 1
        return (days - 719_468) * 86_400 + fields[3] * 3600 + fields[4] * 60 + fields[5]
    }
}
