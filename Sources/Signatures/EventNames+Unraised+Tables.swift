// SPDX-License-Identifier: Apache-2.0
//
// Events of applications that no analyzer raises: rules that name them load, are counted, and never fire. A test holds
// this table against the analyzers' sources.

extension EventNames {
    static let unraised: [String: Set<String>] = [
        "dnp3": [
            "flooded", "too_many_objects", "too_many_points",
        ],
        "http": [
            "compression_bomb", "compression_bomb_double_lzma", "compression_bomb_limit_reached",
            "connection_already_open", "double_encoded_uri", "failed_protocol_change", "invalid_authority_port",
            "invalid_content_encoding", "invalid_server_port_in_request",
            "invalid_transfer_encoding_value_in_response", "lzma_decompression_disabled", "lzma_memlimit_reached",
            "missing_inbound_transaction_data", "missing_outbound_transaction_data", "multipart_generic_error",
            "parser_state_error", "request_body_data_callback_error", "request_line_invalid",
            "request_line_missing_protocol", "request_server_port_tcp_port_mismatch", "request_too_many_lzma_layers",
            "response_body_internal_error", "response_header_invalid", "response_invalid_empty_name",
            "response_invalid_protocol", "response_invalid_status", "response_too_many_lzma_layers",
            "too_many_warnings", "unknown_error", "zero_length_data_chunks",
        ],
        "http2": [
            "dns_request_too_long", "dns_response_too_long", "extra_header_data", "header_integer_overflow",
            "header_table_overflow", "invalid_frame_header", "too_many_frames",
        ],
        "mqtt": [
            "missing_msg_id", "too_many_messages", "too_many_properties",
        ],
        "nfs": [
            "empty_message", "non_existing_version", "unsupported_version",
        ],
        "ntp": [
            "unsolicited_response",
        ],
        "pgsql": [
            "malformed_request", "too_many_responses", "too_many_transactions",
        ],
        "pop3": [
            "request_too_long", "response_too_long", "too_many_transactions",
        ],
        "quic": [
            "crypto_frag_too_long", "error_on_header",
        ],
        "sip": [
            "invalid_data",
        ],
        "smb": [
            "internal_error", "invalid_swf_length", "invalid_swf_version", "lzma_decoder_error",
            "lzma_header_too_short_error", "lzma_io_error", "lzma_memlimit_error", "lzma_unknown_error",
            "lzma_xz_error", "malformed_ntlmssp_request", "malformed_ntlmssp_response", "no_memory",
            "post_match_queue_failed", "read_queue_cnt_exceeded", "read_queue_size_exceeded",
            "read_response_too_large", "record_overflow", "too_many_buffers", "write_queue_cnt_exceeded",
            "write_queue_size_exceeded", "z_buf_error", "z_data_error", "z_stream_error", "z_unknown_error",
        ],
        "smtp": [
            "bdat_chunk_len_exceeded", "failed_protocol_change", "max_command_line_len_exceeded",
            "max_reply_line_len_exceeded", "mime_malformed_msg", "mime_parse_failed", "unparsable_content",
        ],
        "snmp": [
            "malformed_data",
        ],
        "ssh": [
            "long_kex_record",
        ],
        "tls": [
            "certificate_invalid_algorithmidentifier", "certificate_invalid_issuer", "certificate_invalid_subject",
            "certificate_invalid_validity", "certificate_invalid_x509name", "invalid_tls_header",
            "too_many_records_in_packet", "too_many_subject_alternative_names",
        ],
    ]
}
