"""Makes the sound samples by which call progress is built and judged: python make.py

Needs espeak-ng 1.51, and pip install numpy scipy soxr pypinyin. The same files come out each time.

`building/` is what thresholds and tables were fitted on, `judging/` is what they are judged by: other
voices, other sentences of persons and machines, other impairments. Only the second is kept in the
repository, with the tables of both: `classifier.rs` checks that they have no voice in common, not even two of
one family, and that the judging voices are none of those that the test model for speech was trained on or
validated with (`asr/fixtures/train/synth.py`).
"""
import pathlib, re, shutil, struct, subprocess, zlib
import numpy as np, scipy.signal as ss, soxr
from pypinyin import Style, lazy_pinyin

HERE = pathlib.Path(__file__).parent
RATE = 8000

BUILDING = ['+f5', '+m5', '+m6', '+m8', '+edward', '+paul', '+shelby', '+anika', '+Denis', '+Gene', '+Marco', '+pedro']
JUDGING = ['+Alex', '+Alicia', '+Andrea', '+Andy', '+Lee', '+rob', '+robert', '+quincy', '+travis', '+victor', '+sandro',
           '+pablo', '+miguel', '+norbert', '+marcelo', '+john', '+ed', '+david', '+benjamin', '+zac']

# For the samples of the second half, so that the first ones stay as they are.
BUILDING_MORE = ['+Gene2', '+edward2', '+iven', '+Diogo', '+Henrique', '+Hugo', '+Mario', '+iven2', '+klatt2', '+klatt4', '+steph2', '+iven4']
JUDGING_MORE = ['+Jacky', '+Nguyen', '+aunty', '+antonio', '+boris', '+caleb', '+michel', '+gustave', '+Storm', '+grandma', '+kaukovalta',
                '+grandpa', '+AnxiousAndy', '+announcer']

# class of the announcement, words. All but the last four are sentences that the test model knows.
NOTICES = [('no_such_number', '您拨打的号码是空号，请核对后再拨。'), ('suspended', '对不起，您拨打的用户已停机。'),
           ('switched_off', '您拨打的电话已关机，请稍后再拨。'), ('in_a_call', '您拨打的用户正在通话中，请稍后再拨。'),
           ('unreachable', '您拨打的电话暂时无法接通，请稍后再拨。'), ('no_answer', '您拨打的电话无人接听，请稍后再拨。'),
           ('expired', '您所拨打的号码已过期。'), ('barred', '对不起，该用户已设置呼入限制。'),
           ('forwarded', '您的来电已转接，请稍候。'), ('in_a_call', '您好，您拨打的电话正在通话中，请稍后再拨。')]

# What a person says, the pause in which he waits, and what he says then.
PERSONS_BUILDING = [('喂，你好。', 3.0, ''), ('喂，哪位？', 3.5, '听不清楚，你大声一点。'), ('喂？', 2.0, '喂，你好？'),
                    ('你好。', 4.0, ''), ('您好，请讲。', 3.5, ''), ('喂，您好，哪位？', 3.0, '我是，什么事？'),
                    ('我是王建国，您说。', 3.5, ''), ('嗯，你好。', 3.0, '什么事？'), ('喂，喂？', 2.5, '听得到吗？'),
                    ('您好，长丰贸易公司，请问哪位？', 3.5, ''), ('喂，你是谁？', 3.0, ''), ('哪位？', 3.0, ''), ('喂，什么事？', 3.0, '喂？'),
                    ('你好，我是李秀珍。', 3.5, ''), ('喂，我在开会，等会儿打。', 3.0, ''), ('喂，你好你好，请问哪里？', 3.0, ''),
                    ('您好，财务室，请讲。', 3.5, ''), ('嗯，说。', 3.0, ''), ('喂，爸爸不在家。', 3.0, ''), ('啊，喂，你好。', 3.0, '')]
PERSONS_JUDGING = [('喂，你好。', 3.5, ''), ('喂？', 2.5, '喂，哪位？'), ('喂，哪位？', 3.0, ''), ('你好，哪位？', 3.5, ''),
                   ('喂，您好。', 3.0, '您说。'), ('您好。', 3.5, ''), ('喂，你好，请讲。', 3.5, ''), ('是我，请讲。', 3.0, ''),
                   ('喂，谁呀？', 3.0, '你是哪里？'), ('对，我是李秀珍本人。', 3.5, ''), ('喂。', 1.8, '喂，喂？'), ('哎，你好。', 3.0, ''),
                   ('喂，你好，我是张伟。', 3.5, ''), ('嗯，哪位？', 3.0, '我在开车，等会儿再说。'), ('喂，找谁？', 3.0, ''),
                   ('您好，请问哪位？', 3.5, ''), ('喂，你说。', 3.0, ''), ('喂，你好，哪里？', 3.0, '喂？'),
                   ('您好，恒达物业，请问有什么事？', 3.5, ''), ('喂，我不方便，快说。', 3.5, ''), ('来了来了，喂？', 3.0, ''),
                   ('喂，听得到，你说。', 3.0, '')]

# What a person says, his pause, what he says then, and how the line is: street, echo, faint, or rung before
# in the same sound; with nothing it is as any other.
MORE_PERSONS_BUILDING = [
    ('您好，这里是明远律师事务所，请问您找哪位？', 4.0, '', ''), ('喂，您好，宏图装饰公司。', 3.5, '', 'street'), ('喂，你好，请问您是哪位？', 3.5, '', 'echo'),
    ('你好，我是东升超市，你说。', 3.5, '', 'rung'), ('喂，我是陈丽，你哪位？', 3.5, '', 'faint'), ('您好，人民法庭旁边小卖部，找谁？', 3.5, '', ''),
    ('喂，你好，我现在在外地，你说吧。', 3.5, '', 'street'), ('您好，安泰保险客户服务部，有什么可以帮您？', 4.0, '', ''), ('喂？', 3.0, '', 'street'),
    ('你好，哪里？', 3.0, '喂？', 'faint'), ('喂，你好。', 3.5, '', 'street'), ('您好，请讲。', 3.5, '', 'echo'), ('喂，哪位啊？', 3.0, '', 'rung'),
    ('你好，第三中学教务处，请讲。', 3.5, '', ''), ('喂，您好，我是她女儿，您有什么事？', 4.0, '', ''), ('喂，你找谁啊？打错了吧？', 3.5, '', ''),
    ('哎，你好，我就是王建国。', 3.5, '', 'echo'), ('您好，新城物业前台。', 3.5, '', 'faint'), ('喂，等一下，我找个安静的地方。', 4.0, '好了，你说。', 'street'),
    ('你好你好，我是小李，请问您是？', 3.5, '', ''), ('喂，谁？', 3.0, '', 'echo'), ('您好，四海物流，我姓陈，您请说。', 4.0, '', 'rung'),
    ('喂，您好，这里是三号门岗。', 3.5, '', ''), ('嗯，喂，说话。', 3.0, '', 'faint')]
MORE_PERSONS_JUDGING = [
    ('喂，你好。', 3.5, '', 'street'), ('喂，哪位？', 3.0, '', 'echo'), ('你好，请讲。', 3.5, '', 'faint'), ('你好，我是恒通科技公司前台。', 3.5, '', ''),
    ('您好，这里是安和律师事务所。', 4.0, '', ''), ('您好，西城医院办公室，请问您哪里？', 4.0, '', ''), ('喂，你好，我是赵志强，你是哪一位？', 3.5, '', ''),
    ('你好，永兴小学门卫室，你找谁？', 3.5, '', 'rung'), ('喂，我在外面，你说吧。', 3.5, '', 'street'), ('哎，喂，听得见吗？', 3.0, '', ''),
    ('喂，您好，我是她爱人，您是哪位？', 3.5, '', ''), ('您好，瑞丰建材销售部，请讲。', 4.0, '', 'echo'), ('你好，我是他妈妈，他上班去了。', 3.5, '', ''),
    ('嗯，我是，你讲。', 3.0, '', 'rung'), ('喂，什么单位？', 3.0, '喂？', ''), ('您好，前台，请问您找哪个部门？', 3.5, '', ''), ('喂？', 3.0, '哪里？', 'faint'),
    ('喂，我是周海燕，您请说。', 3.5, '', ''), ('你好，双桥派出所，请讲。', 3.5, '', ''), ('喂，您好，这边是金顺汽修厂。', 3.5, '', 'rung'), ('喂，你好，哪个？', 3.0, '', 'street'),
    ('哦，你好，我是。', 3.0, '', 'echo'), ('您好，嘉和公司财务部，我姓孙。', 4.0, '', ''), ('喂，谁啊，大声点。', 3.0, '', 'street'), ('喂，您找谁？', 3.5, '', 'faint'), ('喂？喂，你好？', 3.0, '', 'rung')]

# What a machine says, its tone, and how long it is silent then.
MORE_MACHINES_BUILDING = [
    ('您好，机主不在。', None, 4.0), ('你好，我在开会，请稍后再打，谢谢。', None, 4.0), ('您好，请说出您的留言。', None, 4.0), ('您好，我是机主的语音助手，请讲。', None, 4.0),
    ('您好，主人不在家，请留言。', (1000, .4), 3.0), ('您好，我是电话秘书，请问您是哪位？', None, 4.0), ('您好，对方不方便接听，请问有什么事？', None, 4.0),
    ('您好，请问您找机主有什么事情？', None, 4.0), ('您好，来电助手为您服务，请讲。', None, 4.0), ('您好，请输入分机号。', None, 4.0)]
MORE_MACHINES_JUDGING = [
    ('您好，机主现在有事，请留言。', None, 4.0), ('您好，我是机主的通信助理，您是哪位？', None, 4.0), ('你好，我现在不方便接听，请稍后再拨。', None, 4.0),
    ('您好，请直拨分机号，查号请拨零。', None, 4.0), ('您好，我是来电秘书，请问您有什么事？', None, 4.0), ('请在提示音后留言。', (1300, .5), 3.0),
    ('您好，机主暂时不方便，请讲。', None, 4.0), ('您好，语音信箱，请留言。', None, 4.0)]
# A notice behind a 200 OK, and what comes then: silence, itself again, the busy tone, or itself in English.
MORE_NOTICES = [('suspended', '您拨打的用户已停机。', 'silence', ''), ('switched_off', '您拨打的电话已关机。', 'again', ''), ('barred', '该用户已设置呼入限制。', 'silence', ''),
                ('no_answer', '您拨打的电话无人接听。', 'busy', ''), ('expired', '您所拨打的号码已过期。', 'again', ''),
                ('no_such_number', '您拨打的号码是空号，请核对后再拨。', 'english', 'Sorry, the number you have dialed does not exist.'),
                ('user_busy', '您拨打的用户正忙。', 'silence', ''), ('unreachable', '您拨打的电话暂时无法接通。', 'again', '')]

# What a machine says, and its tone: frequency and seconds, or none.
MACHINES_BUILDING = [('您好，我现在不方便接听电话，请在滴声后留言。', (1000, .5)), ('请在滴声后留言。', (1400, .3)),
                     ('您好，我是机主的智能助理，机主现在不方便接听，请问您有什么事？', None),
                     ('您好，欢迎致电长丰贸易公司，查询业务请按一，人工服务请按零。', None),
                     ('您好，机主正忙，我是他的来电秘书，有什么可以帮您转达的吗？', None),
                     ('对不起，我不在家，听到提示音后请留言，谢谢。', (950, .8)),
                     ('您呼叫的用户已启用来电提醒，我们会以短信方式通知他。', None), ('这里是语音信箱，请留言，按井号键结束。', (1250, .4)),
                     ('您好，请留言。', (1150, .5)), ('您好，机主不在，有事请说。', None), ('对不起，机主现在有事，请稍后联系。', None),
                     ('您好，本机主人正在开车，已为您转为文字留言。', None)]
MACHINES_JUDGING = [('您好，主人现在无法接听电话，请在滴声后留言。', (1000, .4)), ('请在滴声后留言。', (1200, .5)),
                    ('您好，我是智能语音助手，机主暂时不方便接电话，您可以告诉我有什么事，我帮您转告。', None),
                    ('您好，这里是恒达物业公司，报修请按一，缴费请按二，投诉请按三。', None),
                    ('您好，我是通信助理，机主暂时无法接听，请说出您的来意，我会记录下来。', None),
                    ('您好，请在提示音后留言，录音完毕请挂机。', (1050, .6)), ('欢迎使用语音信箱服务，对方现在不能接听，请留言。', (1450, .25)),
                    ('您好，我是他的电话秘书，他正在开会，请问您找他有什么事情？', None),
                    ('您拨打的用户已开通来电提醒业务，稍后将以短信通知对方您的来电。', None),
                    ('我现在外出，有事请留言，我会尽快给您回电话。', (900, 1.0)), ('您好，东方保险公司，为保证服务质量，您的通话可能会被录音，个人业务请按一。', None),
                    ('喂，您好，我是机主的小助手，机主现在不方便接听，请问您是哪位，有什么事情需要转达？', None),
                    ('你好，我不在，请留言。', (1000, .5)), ('您的来电已转接到语音信箱，请在滴声后留言。', (1100, .4))]


def pinyin(text):
    stops = {'，': ', ', '。': '. ', '？': '? ', '、': ', '}
    runs = re.findall(r'[，。？、]|[^，。？、\s]+', text)
    return ' '.join(stops.get(run) or ' '.join(lazy_pinyin(run, style=Style.TONE3, neutral_tone_with_five=True)) for run in runs)


def say(text, voice, speed, pitch, english=False):
    language, text = ('en-us', text) if english else ('cmn-latn-pinyin', pinyin(text))
    order = ['espeak-ng', '-v', language + voice, '-s', str(speed), '-p', str(pitch), '--stdout', text]
    wav = subprocess.run(order, capture_output=True, check=True).stdout
    sound = soxr.resample(np.frombuffer(wav[44:], '<i2') / 32768, int.from_bytes(wav[24:28], 'little'), RATE, 'HQ')
    loud = np.flatnonzero(np.abs(sound) > 1e-2 * np.abs(sound).max())
    sound = sound[loud[0]:loud[-1] + 1]
    return sound / np.abs(sound).max()


def quiet(seconds):
    return np.zeros(int(seconds * RATE))


def tone(frequency, seconds):
    t = np.arange(int(seconds * RATE)) / RATE
    edge = np.minimum(1, np.minimum(t, seconds - t) / .004)
    return .6 * edge * sum(np.sin(2 * np.pi * f * t) for f in np.atleast_1d(frequency)) / np.size(frequency)


def cadence(frequency, times, seconds):
    """On and off in turn, over and over."""
    parts, at, total = [], 0, 0
    while total < seconds:
        length = min(times[at % len(times)], seconds - total)
        parts.append(tone(frequency, length) if at % 2 == 0 else quiet(length))
        at, total = at + 1, total + length
    return np.concatenate(parts)


def answer_tone(seconds, reversals):
    """2100 Hz of a fax; with a reversal of its phase every 450 ms that of a modem (ITU-T V.25, V.8)."""
    t = np.arange(int(seconds * RATE)) / RATE
    turned = np.floor(t / .45) % 2 if reversals else 0
    return .6 * np.sin(2 * np.pi * 2100 * t + np.pi * turned)


def song(rng, seconds, plucked):
    """A ring-back tune: chords of sines with overtones, and a melody."""
    total, at = np.zeros(int(seconds * RATE) + 2 * RATE), 0
    while at < seconds * RATE:
        beat = rng.choice([.25, .4, .5])
        root = rng.integers(-5, 8)
        for step in (0, 4, 7, int(rng.integers(10, 20))):
            t = np.arange(int((beat + .25) * RATE)) / RATE
            f = 261.63 * 2 ** ((root + step) / 12)
            one = sum(a * np.sin(2 * np.pi * f * k * t + rng.uniform(0, 6)) for k, a in ((1, 1), (2, .5), (3, .25), (4, .12)))
            total[at:at + len(t)] += one * np.exp(-(5 if plucked else .8) * t) * np.minimum(1, t / .01) * np.minimum(1, (beat + .25 - t) / .05)
        at += int(beat * RATE)
    total = total[:int(seconds * RATE)]
    return total / np.abs(total).max()


def line(sound, rng, how=''):
    """The telephone between: level, band, noise, A-law, loss; more noise, an echo or little of it where `how` says so."""
    if how == 'echo':
        for ms, share in ((45, .3), (110, .18), (230, .1)):
            sound = sound + share * np.concatenate([quiet(ms / 1000), sound])[:len(sound)]
        sound = sound / np.abs(sound).max()
    if rng.random() < .6:
        sound = ss.sosfilt(ss.butter(4, [300, 3400], 'bandpass', fs=RATE, output='sos'), sound)
    sound = sound * 10 ** ((-24 if how == 'faint' else rng.uniform(-18, -3)) / 20)
    noise = rng.standard_normal(len(sound))
    if rng.random() < .5:
        noise = ss.lfilter([1], [1, -.8], noise)
        noise /= noise.std()
    loud = np.sqrt(np.mean(sound[np.abs(sound) > .05 * np.abs(sound).max()] ** 2))
    sound = sound + loud * 10 ** (-(rng.uniform(12, 18) if how == 'street' else rng.uniform(20, 45)) / 20) * noise
    codes = alaw((np.clip(sound, -1, 1) * 32767).astype(int))
    if rng.random() < .5:
        for at in range(0, len(codes), 160):
            if rng.random() < .03:
                codes[at:at + 160] = 0xd5
    return codes


def alaw(samples):
    """ITU-T G.711, table 1."""
    negative = samples < 0
    level = np.where(negative, -1 - samples, samples) >> 4
    segment = np.maximum(np.floor(np.log2(np.maximum(level, 1))).astype(int) - 3, 0)
    code = np.where(level < 16, level, (segment << 4) | ((level >> np.maximum(segment - 1, 0)) & 15))
    return ((code | np.where(negative, 0, 0x80)) ^ 0x55).astype(np.uint8)


def write(path, codes):
    b = codes.tobytes() + b'\0' * (len(codes) % 2)
    head = struct.pack('<HHIIHHH', 6, 1, RATE, RATE, 1, 8, 0)
    body = b'WAVE' + struct.pack('<4sI', b'fmt ', len(head)) + head + struct.pack('<4sII', b'fact', 4, len(codes)) \
        + struct.pack('<4sI', b'data', len(codes)) + b
    path.write_bytes(struct.pack('<4sI', b'RIFF', len(body)) + body)


def make(folder, voices, persons, machines, notices, seed, more, times=1):
    """One set; `times` voices for each sentence."""
    out = HERE / folder
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    rows, turn = [], 0

    def sample(name, group, right, when, build, how=''):
        nonlocal turn
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        voice = voices[turn % len(voices)]
        turn += 1
        speak = lambda text: say(text, voice, int(rng.integers(135, 185)), int(rng.integers(35, 66)))
        sound, text = build(rng, speak)
        write(out / f'{name}.wav', line(sound, rng, how))
        rows.append((f'{name}.wav', group, right, when, voice if text else '', text))

    for n, (right, text) in enumerate(notices * times):
        build = lambda rng, speak: (np.concatenate([quiet(rng.uniform(.1, .6)), speak(text), quiet(1.2)]), text)
        sample(f'notice-{n:02}', 'announcement', right, 'early' if n % 2 == 0 else 'answered', build)
    for n, (text, pause, then) in enumerate(persons * times):
        def build(rng, speak):
            parts = [quiet(rng.uniform(.2, 1.0)), speak(text), quiet(pause)]
            return np.concatenate(parts + ([speak(then), quiet(2)] if then else [quiet(1)])), text + then
        sample(f'person-{n:02}', 'speech', 'person', 'answered', build)
    for n, (text, beep) in enumerate(machines * times):
        def build(rng, speak):
            parts = [quiet(rng.uniform(.3, 1.2)), speak(text)]
            parts += [quiet(rng.uniform(.1, .5)), tone(*beep), quiet(2)] if beep else [quiet(2.5)]
            return np.concatenate(parts), text
        sample(f'machine-{n:02}', 'machine', 'machine', 'answered', build)
    drift = lambda rng: 450 + rng.uniform(-22, 22)
    stretch = lambda rng, times: [t * rng.uniform(.93, 1.07) for t in times]
    tones = [('ring-back', 'ring_back', 'early', (1, 4), 11.5), ('busy', 'busy', 'early', (.35, .35), 4),
             ('congestion', 'congestion', 'early', (.7, .7), 6), ('busy-after', 'busy', 'answered', (.35, .35), 4),
             ('no-number', 'no_such_number_tone', 'early', (.1, .1, .1, .1, .1, .1, .4, .4), 5)]
    for n in range(3 if folder == 'judging' else 2):
        for name, right, when, rhythm, seconds in tones:
            if name == 'no-number' and n > 0:
                continue
            build = lambda rng, _: (np.concatenate([quiet(rng.uniform(0, .8)), cadence(drift(rng), stretch(rng, rhythm), seconds)]), '')
            sample(f'{name}-{n}', 'tone', right, when, build)
    sample('ring-back-abroad', 'tone', 'ring_back', 'early', lambda rng, _: (cadence([440, 480], (2, 4), 13), ''))
    sample('fax-calling', 'tone', 'fax', 'answered', lambda rng, _: (np.concatenate([quiet(.7), cadence(1100, (.5, 3), 8)]), ''))
    sample('fax-called', 'tone', 'fax', 'answered', lambda rng, _: (np.concatenate([quiet(1.0), answer_tone(3.2, False), quiet(.5)]), ''))
    sample('modem', 'tone', 'modem', 'answered', lambda rng, _: (np.concatenate([quiet(1.0), answer_tone(3.3, True), quiet(.5)]), ''))
    for n in range(4 if folder == 'judging' else 3):
        sample(f'song-{n}', 'tone', 'music', 'early', lambda rng, _: (song(rng, 8, n % 2 == 1), ''))
    voices, turn = more['voices'], 0
    rung = lambda rng: np.concatenate([quiet(rng.uniform(.1, .6)), cadence(450 + rng.uniform(-20, 20), (1, 4), 1.0 + rng.uniform(.5, 3.9))])
    for n, (text, pause, then, how) in enumerate(more['persons'] * max(1, times - 1)):
        before = rung(np.random.default_rng([seed, n])) if how == 'rung' else quiet(0)
        def build(rng, speak):
            parts = [before, quiet(rng.uniform(.2, 1.2)), speak(text), quiet(pause)]
            return np.concatenate(parts + ([speak(then), quiet(2)] if then else [quiet(1)])), text + then
        when = str(len(before) * 1000 // RATE) if how == 'rung' else 'answered'
        sample(f'person-more-{n:02}', 'speech', 'person', when, build, how)
    for n, (text, beep, silent) in enumerate(more['machines'] * times):
        def build(rng, speak):
            parts = [quiet(rng.uniform(.3, 1.2)), speak(text)] + ([quiet(rng.uniform(.2, .7)), tone(*beep)] if beep else [])
            return np.concatenate(parts + [quiet(silent)]), text
        sample(f'machine-more-{n:02}', 'machine', 'machine', 'answered', build)
    for n, (right, text, then, english) in enumerate(MORE_NOTICES * times):
        def build(rng, speak):
            said, voice = speak(text), voices[(turn - 1) % len(voices)]
            tail = {'silence': lambda: [quiet(4)], 'again': lambda: [quiet(rng.uniform(1.5, 2.8)), said, quiet(1.5)],
                    'busy': lambda: [quiet(.4), cadence(450, (.35, .35), 3)],
                    'english': lambda: [quiet(.5), say(english, voice, 160, 50, True), quiet(1)]}[then]()
            return np.concatenate([quiet(rng.uniform(.1, .8)), said] + tail), text
        sample(f'notice-more-{n:02}', 'announcement', right, 'answered', build)
    with open(HERE / f'{folder}.tsv', 'w') as table:
        table.write('# file\tgroup\tclass\twhen\tvoice\twords\n')
        for row in rows:
            table.write('\t'.join(row) + '\n')
    size = sum(path.stat().st_size for path in out.iterdir())
    print(folder, len(rows), 'samples', f'{size / 1e6:.1f} MB')


make('building', BUILDING, PERSONS_BUILDING, MACHINES_BUILDING, NOTICES, 1,
     dict(voices=BUILDING_MORE, persons=MORE_PERSONS_BUILDING, machines=MORE_MACHINES_BUILDING), times=3)
make('judging', JUDGING, PERSONS_JUDGING, MACHINES_JUDGING, NOTICES + NOTICES[::-1], 2,
     dict(voices=JUDGING_MORE, persons=MORE_PERSONS_JUDGING, machines=MORE_MACHINES_JUDGING))
