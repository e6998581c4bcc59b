"""Sentences to say: our own word lists and templates per language, pseudo-words, and GRID-like commands. Seeded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["LANGUAGES", "command_sentence", "pseudo_words", "sentence"]

# subject | verb | object | place, each a list parted by "/": subjects, verbs and objects fit in any combination.
_TEMPLATES: dict[str, tuple[str, ...]] = {
    "en-us": (
        "my brother/the old baker/a famous painter/Bob and Pam/our neighbour/everybody/the pilot/the young woman/"
        "a small boy/their family/Mister Webb/the farmer/Emma/no one",
        "bought/forgot/found/always wanted/brought back/put away/painted/moved/would never give up/has kept/"
        "gave us/picked/carried/broke/made",
        "five big apples/the blue umbrella/a very warm pullover/some bread and butter/the map of Africa/a purple box/"
        "four fresh fish/the heavy wooden table/a bowl of soup/the best photograph/another cup of coffee/"
        "the wrong telephone/a beautiful watch/the whole thing",
        "before breakfast/on the boat/by the river/this afternoon/near the church/for my birthday/with both hands/"
        "after the film/in the village/without a word/above the shop/every Friday/at home/again",
    ),
    "de": (
        "mein Bruder/der alte Bäcker/unsere Nachbarin/Peter/die junge Frau/ein kleiner Junge/der Bürgermeister/Eva",
        "kaufte/vergaß/brachte/fand/wollte immer/malte/behielt/zeigte uns",
        "fünf Äpfel/den blauen Schirm/ein warmes Hemd/frisches Brot/das schöne Foto/zwei Bücher/die große Suppe/"
        "einen Apfelbaum",
        "vor dem Frühstück/am Fluss/heute Abend/im Dorf/ohne ein Wort/über dem Laden/jeden Mittwoch/mit beiden Händen",
    ),
    "fr": (
        "mon frère/le vieux boulanger/la voisine/Paul/une jeune femme/le petit garçon/Marie/la famille Dubois",
        "achète/oublie/apporte/trouve/veut toujours/peint/garde/nous montre",
        "cinq pommes/le parapluie bleu/une belle photo/du pain frais/deux poissons/la boîte rouge/un bon livre/"
        "la vieille voiture",
        "avant midi/sur le bateau/au bord du fleuve/ce soir/dans le village/sans un mot/chaque vendredi/à la maison",
    ),
    "es": (
        "mi hermano/el viejo panadero/la vecina/Pablo/una mujer joven/el niño pequeño/la familia Moreno/Elena",
        "compra/olvida/busca/encuentra/quiere/pinta/guarda/nos muestra",
        "cinco manzanas/el paraguas azul/un abrigo/pan fresco/dos peces/la caja roja/un buen libro/la foto vieja",
        "antes de comer/en el barco/cerca del puente/esta noche/en el pueblo/sin palabras/cada viernes/otra vez",
    ),
    "it": (
        "mio fratello/il vecchio fornaio/la vicina/Paolo/una giovane donna/il bambino/la famiglia Bruni/Emma",
        "compra/dimentica/porta/trova/vuole sempre/dipinge/prepara/ci mostra",
        "cinque mele/un ombrello blu/una bella foto/il pane fresco/due pesci/la scatola rossa/un buon libro/la zuppa",
        "prima di pranzo/sulla barca/vicino al fiume/questa sera/nel villaggio/senza parole/ogni venerdì/a casa",
    ),
    "pt": (
        "meu irmão/o velho padeiro/a vizinha/Pedro/uma mulher jovem/o menino/a família Pereira/Helena",
        "compra/esquece/procura/encontra/quer sempre/pinta/guarda/mostra",
        "cinco maçãs/o guarda-chuva azul/um casaco/pão fresco/dois peixes/a caixa vermelha/um bom livro/a foto velha",
        "antes do almoço/no barco/perto da ponte/esta noite/na aldeia/sem palavras/toda semana/outra vez",
    ),
    "pl": (
        "mój brat/stary piekarz/nasza sąsiadka/Paweł/młoda kobieta/mały chłopiec/pani Maria/Ewa",
        "kupuje/zapomina/przynosi/widzi/maluje/bierze/pokazuje nam/chowa",
        "pięć jabłek/niebieski parasol/ciepły płaszcz/świeży chleb/dwie ryby/piękny obraz/dobrą książkę/zupę",
        "przed obiadem/nad rzeką/dziś wieczorem/we wsi/bez słowa/co piątek/w domu/obok sklepu",
    ),
    "ro": (
        "fratele meu/bătrânul brutar/vecina noastră/Petru/o femeie tânără/băiatul mic/Elena/familia Popescu",
        "cumpără/uită/aduce/găsește/vrea mereu/pictează/păstrează/ne arată",
        "cinci mere/umbrela albastră/o haină/pâine proaspătă/doi pești/cutia roșie/o carte bună/poza veche",
        "înainte de masă/pe barcă/lângă râu/astă seară/în sat/fără vorbe/în fiecare vineri/acasă",
    ),
    "ru": (
        "мой брат/старый пекарь/наша соседка/Пётр/молодая женщина/маленький мальчик/Мария/бабушка",
        "покупает/забывает/приносит/находит/любит/рисует/бережёт/показывает нам",
        "пять яблок/синий зонт/тёплое пальто/свежий хлеб/две рыбы/красную коробку/хорошую книгу/суп",
        "перед обедом/у реки/сегодня вечером/в деревне/без слов/по пятницам/дома/на мосту",
    ),
    "tr": (
        "kardeşim/yaşlı fırıncı/komşumuz/Pamuk/genç bir kadın/küçük çocuk/Emine/babam",
        "bugün/köyde/köprüde/akşam/evde/her cuma/vapurda/sessizce",
        "beş elma/mavi şemsiye/sıcak palto/taze ekmek/iki balık/büyük kutu/güzel bir kitap/çorba",
        "aldı/unuttu/buldu/istiyor/yaptı/verdi/gösterdi/bıraktı",
    ),
    "ar": (
        "أخي/الخباز/جارتنا/المعلم/امرأة/الولد/مريم/أبي",
        "يشتري/ينسى/يجلب/يجد/يريد/يرسم/يحفظ/يأكل",
        "خمس تفاحات/مظلة زرقاء/كتابا مفيدا/خبزا/سمكة/علبة حمراء/صورة جميلة/شوربة",
        "في البيت/قرب النهر/هذا المساء/في القرية/بلا كلام/كل يوم/قبل الفجر/مع صديق",
    ),
    "hi": (
        "मेरा भाई/बूढ़ा किसान/हमारी पड़ोसन/पवन/एक औरत/छोटा लड़का/मीरा/पिताजी",
        "सुबह/गाँव में/नदी पर/शाम को/घर में/बाज़ार में/चुपचाप/फिर से",
        "पाँच सेब/नीला छाता/गरम कोट/ताज़ी रोटी/दो मछली/बड़ा बक्सा/अच्छी किताब/सूप",
        "लाया/भूल गया/चाहता है/बनाता है/देखता है/बेचता है/मिला/पकड़ा",
    ),
    "cmn-latn-pinyin": (
        "wo3 ge1ge5/lao3 shi1fu5/wo3men5 lin2ju1/xiao3 peng2you3/ma1ma5/bo2bo5/bao3an1/yi2 wei4 fu4ren2",
        "mai3 le5/wang4 le5/pao3 qu4 kan4/fa1xian4/xiang3 yao4/mo1 le5/bao3cun2/bang1 wo3 na2",
        "wu3 ge5 ping2guo3/lan2 se4 yu3san3/mian4bao1/liang3 tiao2 yu2/hong2 he2zi5/hao3 shu1/fang2zi5/bei1zi5",
        "zai4 chuan2 shang4/he2 bian1/jin1 wan3/zai4 cun1 li3/mei3 zhou1 wu3/zai4 jia1/hui2 lai2/shang4wu3",
    ),
}
LANGUAGES: tuple[str, ...] = tuple(sorted([*_TEMPLATES, "en-gb"]))
"""espeak-ng voices that `sentence` has words for."""

# Languages of recorded voices only: apart, so that a seed's espeak-ng language stays what it was.
_RECORDED: dict[str, tuple[str, ...]] = {
    "cs": (
        "můj bratr/starý pekař/naše sousedka/Pavel/mladá paní/malý chlapec/Marie/babička/pan učitel/moje máma/Eva",
        "kupuje/zapomíná/přináší/vidí/maluje/bere/ukazuje nám/nese/hledá/má/chce mít/uvařil",
        "pět jablek/modrý deštník/teplý kabát/čerstvý chléb/dvě ryby/pěkný obraz/dobrou knihu/polévku/bílou mísu/"
        "mapu města/kávu/velký vůz",
        "před obědem/nad řekou/dnes večer/na vesnici/beze slova/každý pátek/doma/u obchodu/v zimě/na mostě/po filmu",
    ),
    "fi": (
        "minun veljeni/vanha leipuri/naapurin nainen/Pekka/nuori äiti/pieni poika/Maija/isoisä/opettaja/perhe/Eeva",
        "ostaa/unohtaa/tuo/löytää/haluaa/maalaa/pitää/näyttää meille/nostaa/antaa/hakee/myy",
        "viisi omenaa/sinisen sateenvarjon/lämpimän takin/leipää/kaksi kalaa/punaisen laatikon/hyvän kirjan/keittoa/"
        "vanhan kuvan/kahvia/pöydän/koko talon",
        "ennen lounasta/veneessä/joen varrella/tänä iltana/kylässä/sanomatta mitään/joka perjantai/kotona/uudestaan/"
        "sillalla/aamulla/pihalla",
    ),
    "ja": (
        "わたしの あには/ふるい ぱんやさんは/となりの ひとは/わかい おんなは/ちいさな こは/ははは/えみは/せんせいは",
        "あさごはんの まえに/ふねで/はしの そばで/こんばん/むらで/まいしゅう/うちで/なにも いわずに",
        "いつつの りんごを/あおい かさを/ぱんを/さかなを/あかい はこを/いい ほんを/ふるい しゃしんを/すーぷを",
        "かいました/わすれました/みつけました/もってきました/えがきました/たべました/くれました/ほしいです",
    ),
    "ca": (
        "el meu germà/el vell forner/la veïna/en Pau/una dona jove/el nen petit/la Maria/la família/en Pere/ningú",
        "compra/oblida/porta/troba/vol sempre/pinta/guarda/ens mostra/menja/ha perdut",
        "cinc pomes/un paraigua blau/una foto bonica/pa fresc/dos peixos/la capsa vermella/un bon llibre/la sopa/"
        "el mapa/un abric",
        "abans de dinar/a la barca/prop del riu/aquesta nit/al poble/sense paraules/cada divendres/a casa/al pont",
    ),
}

_ONSETS = tuple(
    "p b m f v w t d n l s z k g r sh ch j h pl br fr sp bl st tr y th sm kw pr fl".split()  # noqa: SIM905
)
_NUCLEI = tuple("a e i o u aa ee oo ow ai ay oi a e i o".split())  # noqa: SIM905
_CODAS = ("", "", "", "p", "b", "m", "f", "v", "t", "n", "l", "s", "k", "sh", "mp", "nt", "th", "ng", "ft")

_GRID = (
    ["bin", "lay", "place", "set"],
    ["blue", "green", "red", "white"],
    ["at", "by", "in", "with"],
    list("abcdefghijklmnopqrstuvxyz"),
    ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"],
    ["again", "now", "please", "soon"],
)


def _draw(rng: np.random.Generator, words: Sequence[str]) -> str:
    return words[int(rng.integers(len(words)))]


def sentence(rng: np.random.Generator, language: str = "en-us") -> str:
    """One made-up sentence.

    Raises:
        ValueError: no words for this language; `LANGUAGES`, cs, fi, ca and ja have some.
    """
    language = "en-us" if language == "en-gb" else language
    templates = _TEMPLATES.get(language) or _RECORDED.get(language)
    if templates is None:
        raise ValueError(f"no words for language {language!r}; known: {', '.join([*LANGUAGES, *_RECORDED])}")
    parts = [_draw(rng, options.split("/")) for options in templates]
    if rng.random() < 0.15:
        parts.pop()
    if rng.random() < 0.15:
        parts[0] += ","
    return " ".join(parts) + _draw(rng, [".", ".", ".", "?", "!"])


def pseudo_words(rng: np.random.Generator, num: int = 6) -> str:
    """Words that mean nothing and use all the audio that Latin letters spell."""
    return " ".join(
        "".join(_draw(rng, _ONSETS) + _draw(rng, _NUCLEI) + _draw(rng, _CODAS) for _ in range(int(rng.integers(1, 4))))
        for _ in range(num)
    )


def command_sentence(rng: np.random.Generator) -> str:
    """A command in the grammar of the GRID corpus, for example "bin blue at f two now"."""
    return " ".join(_draw(rng, words) for words in _GRID)
