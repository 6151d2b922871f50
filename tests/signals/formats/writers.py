"""Small writers of every kind of file: by the reader's own library where it can write, else by hand."""

import base64
import binascii
import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import edfio
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import ExplicitVRLittleEndian, TwelveLeadECGWaveformStorage

from ecgrnn.signals.formats.wfdb.writer import write_signal

STEP_UV = 2.5
"""Digital step of the formats that are written by hand."""


@dataclass(frozen=True)
class Kind:
    """How a kind is written, how near the signal read is, and what must be told to read it."""

    write: Callable[[Path, np.ndarray, float, Sequence[str]], None]
    suffix: str
    tolerance_mv: float
    options: dict[str, Any]
    most_leads: int = 12
    needs: str = ""


def counts(signal: np.ndarray, step_uv: float = STEP_UV) -> np.ndarray:
    return np.rint(np.nan_to_num(signal) * 1000 / step_uv).astype("<i2")


def wfdb(path, signal, fs, leads):
    write_signal(path.with_suffix(""), signal, fs_hz=fs, leads=leads)


def edf(path, signal, fs, leads, *, unit="mV", more=(), annotations=None):
    signals = [
        edfio.EdfSignal(
            column.astype(float),
            fs,
            label=f"ECG {lead}",
            physical_dimension=unit,
            physical_range=(-16.0, 16.0),
        )
        for column, lead in zip(padded(signal, fs).T, leads, strict=True)
    ]
    notes = [edfio.EdfAnnotation(1.0, None, "a note")] if annotations is None else annotations
    edfio.Edf([*signals, *more], annotations=notes, data_record_duration=1).write(path)


def bdf(path, signal, fs, leads):
    signals = [
        edfio.BdfSignal(
            column.astype(float) * 1000, fs, label=lead, physical_dimension="uV", physical_range=(-16e3, 16e3)
        )
        for column, lead in zip(padded(signal, fs).T, leads, strict=True)
    ]
    edfio.Bdf(signals, data_record_duration=1).write(path)


def padded(signal, fs):
    """EDF holds whole records, here of a second."""
    return np.pad(signal, ((0, -len(signal) % int(fs)), (0, 0)))


def rows(signal, *, decimals=6, mark="."):
    return [[f"{value:.{decimals}f}".replace(".", mark) for value in row] for row in signal]


def csv(path, signal, fs, leads):
    times = [f"{at / fs:.6f}" for at in range(len(signal))]
    lines = [",".join(["time [s]", *(f"{lead} [mV]" for lead in leads)])]
    lines += [",".join([time, *row]) for time, row in zip(times, rows(signal), strict=True)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8-sig")


def bare_csv(path, signal, fs, leads):
    path.write_text("\n".join(",".join(row) for row in rows(signal)) + "\n")


def decimal_comma(path, signal, fs, leads):
    lines = ["# exported", f"# Sampling rate: {fs:g} Hz", ";".join(leads)]
    lines += [";".join(row) for row in rows(signal, mark=",")]
    path.write_text("\r\n".join(lines) + "\r\n", encoding="utf-16")


def tsv(path, signal, fs, leads):
    lines = ["\t".join(["time_ms", *(f'"{lead}"' for lead in leads)])]
    lines += [
        "\t".join([f"{at * 1000 / fs:.4f}", *row]) for at, row in enumerate(rows(signal * 1000, decimals=3))
    ]
    path.write_text("\n".join(lines))


def npy(path, signal, fs, leads):
    np.save(path, signal.astype(np.float64))


def npz(path, signal, fs, leads):
    np.savez(path, signal=signal, fs=fs, leads=list(leads), unit="mV")


def parquet(path, signal, fs, leads):
    import pyarrow
    import pyarrow.parquet

    columns = {"time_s": np.arange(len(signal)) / fs} | {
        f"{lead} [uV]": column * 1000 for lead, column in zip(leads, signal.T, strict=True)
    }
    pyarrow.parquet.write_table(pyarrow.table(columns), path, row_group_size=2000)


def apple_watch(path, signal, fs, leads):
    head = 'Name,Jane Doe\nDate of Birth,"Jan 8, 1990"\nRecorded Date,2024-05-30 16:32:18 -0700\n' \
        'Classification,Sinus Rhythm\nSymptoms,\nSoftware Version,1.90\nDevice,"Watch7,12"\n' \
        "Sample Rate,512 hertz\n\n\nLead,Lead I\nUnit,µV\n\n"  # fmt: skip
    path.write_text(head + "\n".join(f"{value * 1000:.3f}" for value in signal[:, 0]) + "\n")


def apple_watch_german(path, signal, fs, leads):
    head = 'Name\nGeburtstag,"27.03.1987"\nAufzeichnungsdatum,2020-07-31 22:48:19 +0200\n' \
        'Klassifizierung,Sinusrhythmus\nSymptome,\nSoftwareversion,1.13\nGerät,"Watch4,2"\n' \
        "Messrate,511,562\u00a0Hertz\n\n\nAbleitung,Ableitung I\nEinheit,µV\n\n"  # fmt: skip
    samples = "\n".join(f"{value * 1000:.3f}".replace(".", ",") for value in signal[:, 0])
    path.write_text(head + samples + "\n", encoding="utf-8")


def polar(path, signal, fs, leads):
    lines = ["Phone timestamp;sensor timestamp [ns];timestamp [ms];ecg [uV]"]
    for at, value in enumerate(signal[:, 0]):
        burst = at // 73  # the phone's clock is read once for each packet
        lines.append(
            f"2024-03-01T10:{burst // 1000:02d}:{burst % 60:02d}.{burst % 1000:03d};"
            f"{599636646177065954 + round(at * 1e9 / fs)};{at * 1000 / fs:.6f};{round(value * 1000)}"
        )
    path.write_text("\n".join(lines) + "\n")


def opensignals(path, signal, fs, leads):
    header = {
        "00:07:80:4B:12:5A": {
            "sensor": ["ECG", "XYZ"], "device name": "BITalino", "device": "bitalino_rev",
            "column": ["nSeq", "I1", "I2", "O1", "O2", "A2", "A5"], "sampling rate": fs,
            "resolution": [4, 1, 1, 1, 1, 10, 10], "date": "2024-1-31", "time": "19:49:30.350",
            "label": ["A2", "A5"], "channels": [2, 5],
        }
    }  # fmt: skip
    volts = np.clip(np.nan_to_num(signal[:, 0]) / 1000 * 1100 / 3.3 + 0.5, 0, 1)
    digital = np.clip(np.rint(volts * 2**10), 0, 1023).astype(int)
    lines = ["# OpenSignals Text File Format", f"# {json.dumps(header)}", "# EndOfHeader"]
    lines += [f"{at % 16}\t0\t0\t0\t0\t{value}\t{510 + at % 5}\t" for at, value in enumerate(digital)]
    path.write_text("\n".join(lines) + "\n")


def dicom(path, signal, fs, leads):
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID = TwelveLeadECGWaveformStorage
    data.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID, data.SOPInstanceUID = TwelveLeadECGWaveformStorage, "1.2.3"
    data.PatientName, data.PatientID, data.PatientBirthDate = "Doe^Jane", "4711", "19900108"
    data.Modality, data.AcquisitionDateTime = "ECG", "20240530163218.5"
    rhythm = _dicom_group("RHYTHM", counts(signal), fs, leads)
    median = _dicom_group("MEDIAN BEAT", counts(signal[: int(fs)]), fs, leads)
    data.WaveformSequence = DicomSequence([median, rhythm])
    pydicom.dcmwrite(path, data, enforce_file_format=True)


def _dicom_group(label, digital, fs, leads):
    group = Dataset()
    group.MultiplexGroupLabel, group.WaveformOriginality = label, "ORIGINAL"
    group.NumberOfWaveformChannels, group.NumberOfWaveformSamples = digital.shape[1], digital.shape[0]
    group.SamplingFrequency = fs
    group.WaveformBitsAllocated, group.WaveformSampleInterpretation = 16, "SS"
    channels = []
    for lead in leads:
        channel, source, unit = Dataset(), Dataset(), Dataset()
        source.CodeValue, source.CodingSchemeDesignator = "2:1", "MDC"
        source.CodeMeaning = f"Lead {lead} (Einthoven)"
        unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = "uV", "UCUM", "microvolt"
        channel.ChannelSourceSequence = DicomSequence([source])
        channel.ChannelSensitivity, channel.ChannelSensitivityCorrectionFactor = 1.25, 2
        channel.ChannelBaseline, channel.WaveformBitsStored = 0, 16
        channel.ChannelSensitivityUnitsSequence = DicomSequence([unit])
        channels.append(channel)
    group.ChannelDefinitionSequence = DicomSequence(channels)
    group.WaveformData = np.ascontiguousarray(digital).tobytes()
    return group


ISHNE_LEADS = ["", "", "X", "Y", "Z", "I", "II", "III", "aVR", "aVL", "aVF", *(f"V{n}" for n in range(1, 7))]


def ishne(path, signal, fs, leads):
    specs = [ISHNE_LEADS.index(lead) if lead in ISHNE_LEADS else 0 for lead in leads]
    n = len(leads)
    fixed = struct.pack(
        "<iiiih40s40s20shh3h3h3h3hh12h12h12hh40sh80s80s88s",
        0, len(signal), 522, 522, 1, b"Jane", b"Doe", b"4711", 2, 0, 8, 1, 1990, 30, 5, 2024,
        31, 5, 2024, 16, 32, 18,
        n, *specs, *[-9] * (12 - n), *[0] * 12, *[int(STEP_UV * 1000)] * n, *[-9] * (12 - n), 0, b"", int(fs),
        b"", b"", b"",
    )  # fmt: skip
    path.write_bytes(
        b"ISHNE1.0" + struct.pack("<H", binascii.crc_hqx(fixed, 0xFFFF)) + fixed + counts(signal).tobytes()
    )


def atc(path, signal, fs, leads):
    names = (b"ecg ", b"ecg2", b"ecg3", b"ecg4", b"ecg5", b"ecg6")
    blocks = [_atc_block(b"info", b"2024-05-30T16:32:18.000-07:00".ljust(264, b"\0"))]
    blocks += [_atc_block(b"fmt ", struct.pack("<BHHBH", 1, int(fs), 500, 2, 0))]
    digital = counts(signal, 0.5)
    blocks += [_atc_block(name, column.tobytes()) for name, column in zip(names, digital.T, strict=False)]
    path.write_bytes(b"ALIVE\0\0\0" + struct.pack("<I", 2) + b"".join(blocks))


def _atc_block(name, data):
    block = name + struct.pack("<I", len(data)) + data
    return block + struct.pack("<I", sum(block) & 0xFFFFFFFF)


SCP_LEADS = {"I": 1, "II": 2, "V1": 3, "V2": 4, "V3": 5, "V4": 6, "V5": 7, "V6": 8, "III": 61, "aVR": 62,
             "aVL": 63, "aVF": 64}  # fmt: skip


def scp(path, signal, fs, leads):
    digital = counts(signal)
    ids = [SCP_LEADS.get(lead, 0) for lead in leads]
    three = bytes([len(leads), 4 + (len(leads) << 3 & 0xF8)])
    three += b"".join(struct.pack("<IIB", 1, len(signal), number) for number in ids)
    six = struct.pack("<HHBB", int(STEP_UV * 1000), round(1e6 / fs), 0, 0)
    six += struct.pack(f"<{len(leads)}H", *[2 * len(signal)] * len(leads)) + digital.T.tobytes()
    bodies = {1: b"\xff\0\0", 3: three, 6: six}
    sections, pointers = [], []
    at = 6 + 16 + 10 * 12
    for number in range(1, 12):
        body = bodies.get(number)
        size = 16 + len(body) + len(body) % 2 if body is not None else 0
        pointers.append(struct.pack("<HII", number, size, at + 1 if size else 0))
        if body is not None:
            sections.append(_scp_section(number, body + b"\0" * (len(body) % 2)))
        at += size
    zero = _scp_section(0, struct.pack("<HII", 0, 136, 7) + b"".join(pointers), reserved=b"SCPECG")
    content = struct.pack("<I", at) + zero + b"".join(sections)
    path.write_bytes(struct.pack("<H", binascii.crc_hqx(content, 0xFFFF)) + content)


def _scp_section(number, body, reserved=b"\0" * 6):
    content = struct.pack("<HIBB", number, 16 + len(body), 20, 20) + reserved + body
    return struct.pack("<H", binascii.crc_hqx(content, 0xFFFF)) + content


def aecg(path, signal, fs, leads):
    digital = counts(signal)
    sequences = [
        f'<component><sequence><code code="MDC_ECG_LEAD_{lead.upper()}" codeSystem="2.16.840.1.113883.6.24"/>'
        f'<value xsi:type="SLIST_PQ"><origin value="0" unit="uV"/><scale value="{STEP_UV}" unit="uV"/>'
        f"<digits>{' '.join(map(str, column))}</digits></value></sequence></component>"
        for lead, column in zip(leads, digital.T, strict=True)
    ]
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<AnnotatedECG xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        '<effectiveTime><low value="20240530163218.000"/></effectiveTime><component><series>'
        '<code code="RHYTHM" codeSystem="2.16.840.1.113883.5.4"/><component><sequenceSet>'
        '<component><sequence><code code="TIME_ABSOLUTE" codeSystem="2.16.840.1.113883.5.4"/>'
        f'<value xsi:type="GLIST_TS"><head value="20240530163218.000"/>'
        f'<increment value="{1 / fs:.9f}" unit="s"/>'
        f"</value></sequence></component>{''.join(sequences)}</sequenceSet></component></series></component>"
        "</AnnotatedECG>",
        encoding="utf-8",
    )


def muse(path, signal, fs, leads, *, baseline=0):
    digital = counts(signal) + np.int16(baseline)
    parts = [
        f"<LeadData><LeadByteCountTotal>{2 * len(signal)}</LeadByteCountTotal>"
        f"<LeadSampleCountTotal>{len(signal)}</LeadSampleCountTotal>"
        f"<LeadAmplitudeUnitsPerBit>{STEP_UV}</LeadAmplitudeUnitsPerBit>"
        "<LeadAmplitudeUnits>MICROVOLTS</LeadAmplitudeUnits>"
        f"<LeadID>{lead}</LeadID><LeadSampleSize>2</LeadSampleSize>"
        f"<FirstSampleBaseline>{baseline}</FirstSampleBaseline>"
        f"<WaveFormData>{base64.b64encode(column.astype('<i2').tobytes()).decode()}</WaveFormData></LeadData>"
        for lead, column in zip(leads, digital.T, strict=True)
    ]
    path.write_text(
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n<RestingECG><PatientDemographics><PatientLastName>Doe'
        "</PatientLastName></PatientDemographics><TestDemographics><AcquisitionTime>16:32:18</AcquisitionTime>"
        "<AcquisitionDate>05-30-2024</AcquisitionDate></TestDemographics><Waveform>"
        f"<WaveformType>Rhythm</WaveformType><SampleBase>{fs:g}</SampleBase><SampleExponent>0</SampleExponent>"
        f"{''.join(parts)}</Waveform></RestingECG>"
    )


def philips(path, signal, fs, leads):
    data = base64.b64encode(counts(signal).T.tobytes()).decode()
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<restingecgdata xmlns="http://www3.medical.philips.com"><documentinfo><documenttype>SierraECG'
        "</documenttype><documentversion>1.04</documentversion></documentinfo>"
        '<dataacquisition date="2024-05-30" time="16:32:18"><signalcharacteristics>'
        f"<samplingrate>{fs:g}</samplingrate><resolution>{STEP_UV}</resolution>"
        f"<numberchannelsvalid>{len(leads)}</numberchannelsvalid></signalcharacteristics></dataacquisition>"
        '<waveforms><parsedwaveforms dataencoding="Base64"'
        f' durationperchannel="{len(signal) * 1000 / fs:.3f}"'
        f' samplespersecond="{fs:g}" resolution="{STEP_UV}" leadlabels="{" ".join(leads)}" '
        f'numberofleads="{len(leads)}">{data}</parsedwaveforms></waveforms></restingecgdata>'
    )


def kardia(path, signal, fs, leads):
    names = {"I": "leadI", "II": "leadII", "III": "leadIII", "aVR": "AVR", "aVL": "AVL", "aVF": "AVF"}
    digital = counts(signal, 0.5)
    samples = {names.get(lead, lead): column.tolist() for lead, column in zip(leads, digital.T, strict=True)}
    content = {
        "id": "x1", "patientID": "4711", "recordedAt": "2024-05-30T16:32:18Z",
        "duration": len(signal) * 1000 / fs,
        "algorithmDetermination": "normal",
        "data": {"raw": {"frequency": fs, "mainsFrequency": 50, "amplitudeResolution": 500,
                         "numLeads": len(leads), "samples": samples}},
    }  # fmt: skip
    path.write_text(json.dumps(content))


KINDS = {
    "WFDB": Kind(wfdb, ".hea", 0.00051, {}),
    "EDF": Kind(edf, ".edf", 16 / 65535 * 1.01, {}),
    "BDF": Kind(bdf, ".bdf", 2e-6, {}),
    "CSV": Kind(csv, ".csv", 1e-6, {}),
    "CSV without header": Kind(bare_csv, ".csv", 1e-6, {"unit": "mV", "fs": None, "leads": None}),
    "CSV with decimal comma, in UTF-16": Kind(decimal_comma, ".csv", 1e-6, {"unit": "mV"}),
    "TSV": Kind(tsv, ".txt", 1e-6, {"unit": "uV"}),
    "NumPy": Kind(npy, ".npy", 1e-6, {"unit": "mV", "fs": None, "leads": None}),
    "NumPy archive": Kind(npz, ".npz", 1e-6, {}),
    "Parquet": Kind(parquet, ".parquet", 1e-6, {}, needs="pyarrow"),
    "Apple Watch CSV": Kind(apple_watch, ".csv", 1e-6, {}, 1),
    "Apple Watch CSV in German": Kind(apple_watch_german, ".csv", 1e-6, {}, 1),
    "Polar text": Kind(polar, ".txt", 0.00051, {}, 1),
    "OpenSignals text": Kind(opensignals, ".txt", 3.3 / 1100 / 1024 * 500 * 1.01, {}, 1),
    "DICOM": Kind(dicom, ".dcm", STEP_UV / 2000 * 1.01, {}, needs="pydicom"),
    "ISHNE Holter": Kind(ishne, ".ecg", STEP_UV / 2000 * 1.01, {}),
    "AliveCor ATC": Kind(atc, ".atc", 0.00026, {}, 1),
    "SCP-ECG": Kind(scp, ".scp", STEP_UV / 2000 * 1.01, {}, needs="ecgdatakit"),
    "HL7 aECG": Kind(aecg, ".xml", STEP_UV / 2000 * 1.01, {}, needs="ecgdatakit"),
    "GE MUSE XML": Kind(muse, ".xml", STEP_UV / 2000 * 1.01, {}, needs="ecgdatakit"),
    "Philips XML": Kind(philips, ".xml", STEP_UV / 2000 * 1.01, {}, needs="ecgdatakit"),
    "Kardia JSON": Kind(kardia, ".json", 0.00026, {}, 6, needs="ecgdatakit"),
}
