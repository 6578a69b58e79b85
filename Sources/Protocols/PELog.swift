// SPDX-License-Identifier: Apache-2.0
//
// The log of Windows programs that were transferred.
//
// Reads   headers (Files/PEHeader.swift).
// Writes  one `PERecord` per file, path "pe".
// Leaves  where the file was seen: files.log, by its identity.

import Files
package import Records

package struct PERecord: LogRecord {
    package var ts = Timestamp.zero
    package var file: UID?
    var header: PEHeader?

    package init() {}

    package static let log = LogID.pe
    package static let summary: StaticString = "Header of one Windows program or library that was transferred."

    package func write(to row: inout RowBatch) {
        let from = header
        let text = from?.text ?? TextBuffer()
        row.time("ts", ts, "When the header was seen.")
        row.fuid("id", file, "Identity of the file, as in files.")
        row.text("machine", from?.machine ?? .absent, in: text, "Processor that the program is for.", isKey: true)
        row.time("compile_ts", from?.compiled, "When the program was built, as it says.")
        row.text("os", from?.os ?? .absent, in: text, "System that it needs.")
        row.text("subsystem", from?.subsystem ?? .absent, in: text, "Subsystem that it needs, such as WINDOWS_GUI.")
        row.boolean("is_exe", from?.isExecutable, "A program or library, not an object file.")
        row.boolean("is_64bit", from?.is64Bit, "Whether it is for 64 bits.")
        row.boolean("uses_aslr", from?.usesASLR, "Supports address space layout randomisation.")
        row.boolean("uses_dep", from?.usesDEP, "Supports data execution prevention.")
        row.boolean("uses_code_integrity", from?.usesCodeIntegrity, "Wants its integrity checked.")
        row.boolean("uses_seh", from?.usesSEH, "May use structured exception handling.")
        row.boolean("has_import_table", from?.hasImports, "Has an import table.")
        row.boolean("has_export_table", from?.hasExports, "Has an export table.")
        row.boolean("has_cert_table", from?.hasCertificates, "Has a table of certificates.")
        row.boolean("has_debug_data", from?.hasDebugData, "Has debug data.")
        row.textVector("section_names", from?.sections, in: text, "Names of its sections, in order.")
    }
}
