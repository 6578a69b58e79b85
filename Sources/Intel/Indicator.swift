// SPDX-License-Identifier: Apache-2.0
//
// Indicators: what a feed says is malicious, and what is known of it.
//
// Reads   nothing.
// Writes  nothing.
// Leaves  feeds (FeedReader.swift), their values' forms (IndicatorForm.swift), matching (IndicatorIndex.swift).

import Records

/// What an indicator is a value of.
package enum IndicatorKind: UInt8, Sendable, CaseIterable {
    case address
    /// An address with the port of the responder: both must be met.
    case endpoint
    case network
    /// A name and all names below it.
    case domain
    /// A name alone.
    case hostname
    /// Host, path and question, without scheme.
    case url
    /// MD5, SHA-1 or SHA-256 of a file.
    case file
    /// SHA-1 or SHA-256 of a certificate.
    case certificate
    case ja3
    case ja3s
    case ja4
    case email
    case userAgent
    case userName
    case fileName
    case software

    /// As people write it: `--map COLUMN=TYPE`.
    package var name: String {
        switch self {
        case .userAgent: "user-agent"
        case .userName: "user-name"
        case .fileName: "file-name"
        default: "\(self)"
        }
    }

    package init?(name: String) {
        guard let kind = IndicatorKind.allCases.first(where: { $0.name == name }) else { return nil }
        self = kind
    }

    /// Days after which an indicator of the kind says nothing any more, from when it was last seen; nil for never.
    /// Addresses change hands within weeks, names within months, the content of a file never.
    package var defaultDays: Int? {
        switch self {
        case .address, .network: 60
        case .endpoint, .url: 30
        case .domain, .hostname: 180
        case .userAgent, .userName, .email, .software: 365
        case .file, .certificate, .ja3, .ja3s, .ja4, .fileName: nil
        }
    }
}

/// One indicator on its way from a feed into a set.
struct Indicator {
    var kind: IndicatorKind
    /// In the form that is compared: see `IndicatorForm`.
    var value: [UInt8]
    /// 0 to 100.
    var confidence: UInt8
    /// When the feed saw it last, or made it known; nil where it does not say.
    var seen: Timestamp?
    /// From when on it says nothing any more; nil for never.
    var expires: Timestamp?
    /// What it is of: a family, a threat. Comes out of a table of few.
    var label: [UInt8] = []
    /// Kind of the threat or phase of the attack, such as `botnet_cc`.
    var threat: [UInt8] = []
    /// Known to be watched by its finders: who meets it is a victim, though it is harmless itself.
    var isSinkhole = false
}

/// What is wrong with a line or an object of a feed.
package struct FeedRefusal: Sendable, Equatable {
    /// The line, from 1; of JSON the object, from 1.
    package var place: Int
    package var value: String
    package var reason: String

    package init(place: Int, value: String, reason: String) {
        (self.place, self.value, self.reason) = (place, value, reason)
    }
}

/// Why a feed as a whole, or what is kept of it, cannot be used.
package struct IntelError: Error, Equatable, CustomStringConvertible {
    package enum Code: Sendable {
        /// The file cannot be read or written.
        case unreadable
        /// It is not what a feed looks like.
        case notAFeed
        /// It is more than is taken.
        case tooLarge
        /// It ends before it should.
        case cut
        /// A choice that is not understood.
        case value
        /// There is no feed of this name.
        case unknown
    }
    package var code: Code
    package var path: String
    package var reason: String
    package var advice: String

    package init(_ code: Code, _ reason: String, path: String, advice: String) {
        (self.code, self.reason, self.path, self.advice) = (code, reason, path, advice)
    }

    package var description: String { "\(path): \(reason); \(advice)" }
    package static func == (left: IntelError, right: IntelError) -> Bool { left.code == right.code }
}
