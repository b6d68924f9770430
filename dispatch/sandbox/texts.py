"""What people ask for, in the words they would use; nobody's name is in them."""

from __future__ import annotations

from typing import NamedTuple

from errands.states import Kind


class Wish(NamedTuple):
    """A title, a note, how heavy and how long it is (kg, bags, minutes on site), what it costs."""

    title: str
    note: str
    weight_kg: int = 1
    bags: int = 1
    minutes: int = 5
    price: int = 0  # won, of what is bought


WISHES: dict[Kind, tuple[Wish, ...]] = {
    Kind.DELIVERY: (
        Wish("서류 봉투 전달해 주세요", "1층 안내 데스크에 맡겨 두었어요. 접히지 않게 부탁드려요."),
        Wish("세탁소에서 옷 찾아 주세요", "결제는 끝났어요. 번호표 사진을 보여 주시면 됩니다.", 2),
        Wish("놓고 온 우산 가져다주세요", "카페 계산대에 맡겨 두었다고 해요."),
        Wish("도서관 책 반납해 주세요", "무인 반납함에 넣어 주시면 돼요.", 3),
        Wish("포장해 둔 도시락 픽업 부탁해요", "주문 번호를 말씀하시면 바로 주신대요.", 2),
        Wish("꽃다발 전달해 주세요", "물이 담겨 있으니 세워서 들어 주세요.", 2),
        Wish("택배 상자 편의점에 접수해 주세요", "송장은 붙여 두었어요.", 5),
        Wish("노트북 충전기 가져다주세요", "회사 안내 데스크에 말해 두었어요."),
    ),
    Kind.PURCHASE: (
        Wish("편의점에서 생수 여섯 병 사다 주세요", "무라벨이면 좋아요. 영수증도.", 6, 2, 8, 5_400),
        Wish("빵집에서 식빵 하나 사다 주세요", "잘린 것으로 부탁드려요.", 1, 1, 8, 4_800),
        Wish("문구점에서 A4 용지 사다 주세요", "한 묶음이면 충분해요.", 3, 1, 8, 6_900),
        Wish("과일가게에서 사과 다섯 개 부탁해요", "단단한 것으로 골라 주세요.", 2, 1, 8, 9_500),
        Wish("다이소에서 멀티탭 사다 주세요", "3구, 2미터짜리로요.", 1, 1, 10, 5_000),
        Wish("떡볶이 2인분 포장해 주세요", "덜 맵게 해 달라고 해 주세요.", 2, 1, 12, 11_000),
    ),
    Kind.QUEUE: (
        Wish("점심 맛집 줄 서 주세요", "두 명 자리예요. 순서가 되면 알려 주세요.", 0, 0, 20),
        Wish("팝업 스토어 입장 줄 서 주세요", "입장 10분 전에 교대할게요.", 0, 0, 20),
        Wish("은행 번호표 뽑고 기다려 주세요", "창구 상담이에요.", 0, 0, 15),
        Wish("카페 오픈 전에 줄 서 주세요", "첫 번째 타임이면 좋겠어요.", 0, 0, 20),
    ),
    Kind.HELP: (
        Wish("의자 두 개 옮기는 것 도와주세요", "같은 층에서 방만 바꿔요.", 8, 1, 10),
        Wish("현관 전구 갈아 주세요", "전구는 준비해 두었어요.", 0, 0, 10),
        Wish("분리수거 도와주세요", "상자가 몇 개 있어요.", 5, 2, 10),
        Wish("강아지 산책 부탁드려요", "순해요. 공원 한 바퀴면 됩니다.", 0, 0, 15),
        Wish("행사장 의자 정리 도와주세요", "스무 개쯤 돼요.", 5, 0, 15),
    ),
}
