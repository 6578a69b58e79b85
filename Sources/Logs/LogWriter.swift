// SPDX-License-Identifier: Apache-2.0
//
// Log files in a folder: one `NAME.log` for each log that has a row, or one file of events.
//
// Reads   batches of rows, in the order in which they are to stand.
// Writes  DIR/NAME.log in one of Zeek's two forms, or DIR/eve.json.
// Leaves  order and sampling of rows (the collector), rotation of files.

import Foundation
package import Records

/// Writes rows to log files. Used by one thread at a time.
///
/// A file is made when its first row comes. Lines wait in memory until 256 KiB of
/// one log are there, `flush` or `finish`. After an error the writer is of no more use.
package final class LogWriter {
    private var files: [LogFile]
    private let directory: String
    private let isEVE: Bool

    /// Prepares for the logs of `schemas`, in the order of `LogID`, and makes the folder.
    ///
    /// - Parameters:
    ///   - communityID: whether logs of connections that do not declare `community_id` get it as last column.
    ///   - eve: choices of the form eve.
    ///   - appending: whether files that are there are kept and written on; otherwise they are replaced.
    /// - Throws: `LogError` where the folder cannot be made.
    package init(
        directory: String, format: LogFormat, schemas: [LogSchema], communityID: Bool = true,
        eve: EVESettings = EVESettings(), appending: Bool = false
    ) throws(LogError) {
        self.directory = directory
        isEVE = format == .eve
        files = schemas.map { schema in
            let isEvents = schema.log == .eve
            return LogFile(
                schema, path: "\(directory)/\(isEvents ? "eve.json" : "\(schema.path).log")",
                format: isEvents ? .eve : format == .eve ? .zeekJSON : format, communityID: communityID, eve: eve,
                appending: appending)
        }
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        } catch {
            throw LogError(
                .folder, "the folder for logs cannot be made (\(systemReason(error)))", path: directory,
                advice: "name a folder that you may write to, or make it first")
        }
    }

    /// Appends all rows of a batch to its log.
    package func append(batch: borrowing RowBatch, schema: LogSchema) throws(LogError) {
        guard !batch.isEmpty, (schema.log == .eve) == isEVE else { return }
        try files[Int(schema.log.rawValue)].append(batch)
    }

    /// Writes what waits in memory, so that a reader of the files sees it.
    package func flush() throws(LogError) {
        for index in files.indices { try files[index].flush() }
    }

    /// Ends every file that was opened.
    package func finish() throws(LogError) {
        for index in files.indices where (index == Int(LogID.eve.rawValue)) == isEVE { try files[index].finish() }
    }

    /// Rows written to a log, for the summary.
    package func rowCount(_ log: LogID) -> Int { files[Int(log.rawValue)].rowCount }
}

/// The text of a system error without Foundation's wrapping.
func systemReason(_ error: any Error) -> String {
    let cocoa = error as NSError
    let inner = (cocoa.userInfo[NSUnderlyingErrorKey] as? NSError) ?? cocoa
    if inner.domain == NSPOSIXErrorDomain, let code = POSIXErrorCode(rawValue: Int32(inner.code)) {
        return POSIXError(code).localizedDescription
    }
    return inner.localizedDescription
}
