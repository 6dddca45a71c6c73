"""Makes the prompts and the hold music of this folder: python make.py, or only the prompts that
are named: python make.py waiting-zh waiting-en

Needs espeak-ng 1.51, and pip install numpy soxr pypinyin soundfile.

The words stand in the .txt files. espeak-ng's own `cmn` voice reads many characters wrongly, so
Chinese goes to `cmn-latn-pinyin` as pinyin. The music is a slow figure on five notes, written for
this folder and made of decaying sine waves; nobody else has a right to it.
"""
import io, pathlib, re, subprocess, sys
import numpy as np, soundfile, soxr
from pypinyin import Style, lazy_pinyin

HERE = pathlib.Path(__file__).parent
RATE = 8000
VOICES = {'zh': ('cmn-latn-pinyin+f1', 165), 'en': ('en-gb+f1', 150)}


def pinyin(text):
    stops = {'，': ', ', '。': '. ', '、': ', '}
    runs = re.findall(r'[，。、]|[^，。、\s]+', text)
    return ' '.join(stops.get(run) or ' '.join(lazy_pinyin(run, style=Style.TONE3, neutral_tone_with_five=True)) for run in runs)


def speak(words):
    voice, speed = VOICES[words.stem[-2:]]
    text = words.read_text().strip()
    text = pinyin(text) if words.stem.endswith('zh') else text
    wav = subprocess.run(['espeak-ng', '-v', voice, '-s', str(speed), '--stdout', text], capture_output=True, check=True).stdout
    # Written to a pipe, the header does not know the length.
    sound, rate = np.frombuffer(wav[44:], '<i2') / 32768, int.from_bytes(wav[24:28], 'little')
    sound = soxr.resample(sound, rate, RATE, 'HQ')
    loud = np.flatnonzero(np.abs(sound) > 1e-3)
    sound = np.pad(sound[loud[0]:loud[-1] + 1], int(.1 * RATE))
    write(words.with_suffix('.wav'), .6 * sound / np.abs(sound).max(), 'PCM_16')


def note(semitones, seconds=2.4):
    t = np.arange(int(seconds * RATE)) / RATE
    f = 261.63 * 2 ** (semitones / 12)
    tone = sum(a * np.sin(2 * np.pi * f * k * t) for k, a in ((1, 1), (2, .25), (3, .08)))
    return tone * np.exp(-1.6 * t) * np.minimum(1, t / .03) * np.minimum(1, (seconds - t) / .2)


def music():
    figure = [0, 7, 9, 12, 9, 7, 4, 2,  -3, 4, 7, 9, 7, 4, 2, 0,  2, 9, 12, 14, 12, 9, 7, 4,  0, 4, 7, 9, 7, 2, 4, 0]
    beat = int(.6 * RATE)
    sound = np.zeros(beat * len(figure) + 3 * RATE)
    for at, semitones in enumerate(figure):
        one = note(semitones)
        sound[at * beat:at * beat + len(one)] += one
    write(HERE / 'music.ogg', .16 * sound / np.abs(sound).max(), 'VORBIS')


def write(path, sound, kind):
    soundfile.write(path, sound, RATE, subtype=kind)
    print(path.name, f'{len(sound) / RATE:.1f} s', path.stat().st_size)


if __name__ == '__main__':
    named = sys.argv[1:]
    for words in sorted(HERE.glob('*-??.txt')):
        if not named or words.stem in named:
            speak(words)
    if not named:
        music()
