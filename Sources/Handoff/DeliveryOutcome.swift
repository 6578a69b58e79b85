// SPDX-License-Identifier: Apache-2.0
//
// What came of a delivery, and what follows from it.
//
// Reads   an answer's status and Retry-After.
// Writes  one of four outcomes.
// Leaves  what a product says with its own codes (the connectors).

internal import Foundation

/// What a receiver keeps of an incident: its own identity, and what an update must name.
package struct RemoteRecord: Codable, Sendable, Equatable {
    package var id: String
    /// What people call it, such as a ticket's number.
    package var number: String?
    /// The version that an update must name, where the product locks.
    package var version: Int64?

    package init(id: String, number: String? = nil, version: Int64? = nil) {
        self.id = id
        self.number = number
        self.version = version
    }
}

/// Why a delivery did not arrive.
package struct DeliveryFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// HTTP status, where there was an answer.
    package var status: Int?
    /// One line: what happened.
    package var reason: String
    /// The answer's beginning, without secrets.
    package var answer: String
    /// Whether the receiver may have taken it all the same: the next attempt looks before it makes anything.
    package var isUnsure: Bool

    package init(status: Int? = nil, _ reason: String, answer: String = "", isUnsure: Bool = false) {
        self.status = status
        self.reason = reason
        self.answer = answer
        self.isUnsure = isUnsure
    }

    package var description: String {
        reason + (answer.isEmpty ? "" : ": " + answer.split(whereSeparator: \.isNewline).joined(separator: " "))
    }
}

/// What came of one attempt.
package enum DeliveryOutcome: Sendable, Equatable {
    /// The receiver has it. `remote` is its own identity, where it gave one.
    case delivered(remote: RemoteRecord?, status: Int?, note: String)
    /// It may go better later; `after` seconds at the earliest where the receiver said so.
    case passing(DeliveryFault, after: Double?)
    /// It will never be taken as it is.
    case refused(DeliveryFault)
    /// Nothing will be taken until somebody mends the credentials: the connector stops.
    case stopped(DeliveryFault)

    /// What an HTTP status means where the product says nothing else: network errors, 408, 429 and 5xx pass;
    /// 401, 403 and 407 stop the connector; every other 4xx, and a redirect, is for good (spec: hand-off formats).
    static func of(_ answer: HTTPAnswer) -> DeliveryOutcome {
        let fault = answer.fault
        switch answer.status {
        case 200..<300:
            return .delivered(remote: nil, status: answer.status, note: "")
        case 300..<400:
            var redirect = fault
            redirect.reason = "HTTP \(answer.status): the receiver redirects elsewhere, which is not followed"
            return .refused(redirect)
        case 401, 403, 407:
            return .stopped(fault)
        case 408, 429:
            return .passing(fault, after: answer.retryAfter)
        case 500...:
            var unsure = fault
            // A gateway may answer for a server that has done its work.
            unsure.isUnsure = true
            return .passing(unsure, after: answer.retryAfter)
        default:
            return .refused(fault)
        }
    }
}

/// Retry-After of RFC 9110 section 10.2.3: seconds, or a date in one of the three forms of section 5.6.7.
enum RetryAfter {
    /// No receiver makes us wait longer than this.
    static let secondsMax = 86_400.0

    /// Seconds from `now` (seconds since 1970); nil where the field says nothing that is understood.
    static func seconds(_ field: String, now: Double) -> Double? {
        let text = field.trimmingCharacters(in: .whitespaces)
        if !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            return min(Double(text) ?? secondsMax, secondsMax)
        }
        for format in ["EEE, dd MMM yyyy HH:mm:ss zzz", "EEEE, dd-MMM-yy HH:mm:ss zzz", "EEE MMM d HH:mm:ss yyyy"] {
            let reader = DateFormatter()
            reader.locale = Locale(identifier: "en_US_POSIX")
            reader.timeZone = TimeZone(secondsFromGMT: 0)
            reader.dateFormat = format
            if let date = reader.date(from: text) {
                return min(max(0, date.timeIntervalSince1970 - now), secondsMax)
            }
        }
        return nil
    }
}

/// How long to wait before the next attempt: doubled each time, half of it by chance, so that a
/// receiver that comes back is not met by everybody at once.
struct BackOff: Sendable {
    var firstSeconds = 1.0
    var longestSeconds = 300.0

    /// - Parameters:
    ///   - attempts: attempts so far, from 1.
    ///   - chance: 0 up to 1.
    func seconds(attempts: Int, chance: Double) -> Double {
        let doublings = min(max(0, attempts - 1), 30)
        let longest = min(firstSeconds * Double(1 << doublings), longestSeconds)
        return longest / 2 + longest / 2 * min(max(chance, 0), 1)
    }
}
